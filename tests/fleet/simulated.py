"""A device as the fleet sees it: speaks the wire's protocol and nothing more, so no model is needed here."""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from contract import dsse
from contract.codec import from_json, to_json
from contract.dsse import ASSIGNMENT_TYPE, Verifier
from contract.errors import LinkError
from contract.messages import (
    Ack,
    Assignment,
    Batch,
    Birth,
    Command,
    Event,
    FrameLedger,
    Percentiles,
    Presence,
    Reply,
    Reported,
    Span,
    Telemetry,
    decode_assignment,
)
from contract.moments import rfc3339
from contract.result import Result, SceneEvent
from contract.states import Cause, State
from contract.topics import Kind, topic
from devices.keys import development_verifier

FLEET = "barn"
DIGEST = "sha256:" + "1" * 64


def reading(
    sequence: int,
    *,
    rate: float = 10.0,
    at_s: float | None = None,
    model: str = "digits@1",
    chance: Random | None = None,
) -> Telemetry:
    """A plausible reading; `chance` makes it differ from the next."""
    p50, confidence, warmth, seen = 4.0, 0.91, 51.5, {"3": 40, "7": 9, "9": 1}
    if chance is not None:
        p50, confidence, warmth = chance.gauss(4.0, 0.25), chance.gauss(0.91, 0.01), chance.gauss(51.5, 0.8)
        seen = {label: chance.randint(2, 14) for label in ("0", "1", "3", "4", "7", "9")}
    return Telemetry(
        sequence=sequence,
        at=rfc3339(time.time() if at_s is None else at_s),
        window_s=5.0,
        model=model,
        digest=DIGEST,
        ledger=FrameLedger(captured=110, inferred=100, damaged=2, dropped={"stale": 8}),
        frames_per_s=rate,
        latency_ms={"total": Percentiles(p50=p50, p95=p50 + 2.5, p99=p50 + 5.0)},
        classes=seen,
        mean_confidence=confidence,
        rss_bytes=58_000_000,
        temperature_c=warmth,
    )


def batch(
    boot: str, numbers: Sequence[int], *, oldest: int | None = None, gone: tuple[Span, ...] = (), **said: Any
) -> Batch:
    """Readings with these sequence numbers."""
    readings = tuple(reading(n, **said) for n in numbers)
    return Batch(boot=boot, oldest=oldest or min(numbers), gone=gone, telemetry=readings)


class SimulatedDevice:
    """Connect, announce, send, and hear acknowledgements and assignments."""

    def __init__(
        self,
        port: int,
        name: str,
        *,
        profile: str = "rpi4",
        site: str = "dock",
        holds: tuple[str, ...] = (),
        fleet_key: Mapping[str, Verifier] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.profile, self.site, self.holds = name, profile, site, holds
        self.tags = dict(tags or {})
        self._trusted = fleet_key or development_verifier()
        self.boot, self.sequence = secrets.token_hex(8), 0
        self.answer: Callable[[Command], Reply] = lambda command: Reply(id=command.id, ok=True)
        """To a command; tests may put another in its place."""
        self.acks: queue.Queue[Ack] = queue.Queue()
        self.assignments: queue.Queue[Assignment | None] = queue.Queue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"test-{name}", protocol=paho.MQTTv311)
        self._subscribed = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(self._topic(kind), 1) for kind in ("ack", "desired", "command")]
        )
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _client, _userdata, message: self._hear(message)
        self._client.will_set(self._topic("presence"), to_json(Presence(boot=self.boot, online=False)), 1, True)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(10)
        self.publish("presence", to_json(Presence(boot=self.boot, online=True)), retain=True)
        self.publish("birth", to_json(self._birth()), retain=True)

    def publish(self, kind: Kind, payload: bytes, *, retain: bool = False) -> None:
        """Send and wait until the broker has it."""
        self._client.publish(self._topic(kind), payload, 1, retain).wait_for_publish(10)

    def send(
        self, numbers: Sequence[int], *, oldest: int | None = None, gone: tuple[Span, ...] = (), **said: Any
    ) -> None:
        """Readings with these numbers, as one batch."""
        self.sequence = max(self.sequence, *numbers)
        self.publish("telemetry", to_json(batch(self.boot, numbers, oldest=oldest, gone=gone, **said)))

    def read_on(self, **said: Any) -> None:
        """The next reading."""
        self.send([self.sequence + 1], **said)

    def report(self, told: Assignment, state: State, cause: Cause | None = None, detail: str = "") -> None:
        """The next step of an update."""
        self.sequence += 1
        running = f"{told.name}@{told.version}" if state == "committed" else "digits@1"
        step = Reported(
            sequence=self.sequence,
            at=rfc3339(time.time()),
            counter=told.counter,
            state=state,
            digest=told.digest,
            running=running,
            running_digest=told.digest if state == "committed" else DIGEST,
            cause=cause,
            detail=detail,
        )
        self.publish("reported", to_json(Batch(boot=self.boot, oldest=self.sequence, reported=(step,))))

    def keep_event(self, snapshot: str) -> None:
        """Say that a person entered a zone, and what the picture of it is called."""
        self.sequence += 1
        seen = SceneEvent(
            kind="entered-zone",
            at_s=1.0,
            track=3,
            label="person",
            score=0.9,
            box_xyxy_px=(1.0, 2.0, 3.0, 4.0),
            place="yard",
            snapshot=snapshot,
        )
        captured_at = rfc3339(time.time())
        result = Result(
            source="gate", frame=7, captured_at=captured_at, model="digits@1", digest=DIGEST, events=(seen,)
        )
        event = Event(sequence=self.sequence, result=result)
        self.publish("events", to_json(Batch(boot=self.boot, oldest=self.sequence, events=(event,))))

    def acknowledged(self, sequence: int, *, timeout_s: float = 10.0) -> list[int]:
        """Everything acknowledged of this boot until `sequence` is."""
        heard: list[int] = []
        while not heard or heard[-1] < sequence:
            ack = self.acks.get(timeout=timeout_s)
            assert ack.boot == self.boot
            heard.append(ack.sequence)
        return heard

    def told(self, *, timeout_s: float = 10.0) -> Assignment:
        """The next assignment."""
        assignment = self.assignments.get(timeout=timeout_s)
        assert assignment is not None, "withdrawn"
        return assignment

    def stop(self) -> None:
        """Leave in good order."""
        self.publish("presence", to_json(Presence(boot=self.boot, online=False)), retain=True)
        self.vanish()

    def vanish(self) -> None:
        """Leave without a word of its own."""
        self._client.disconnect()
        self._client.loop_stop()

    def _topic(self, kind: Kind) -> str:
        return topic(FLEET, self.name, kind)

    def _birth(self) -> Birth:
        return Birth(
            at=rfc3339(time.time()),
            boot=self.boot,
            profile=self.profile,
            edgeferry="0.1.0",
            python="3.11.7",
            backend="ai-edge-litert 2.3.0",
            model="digits@1",
            digest=DIGEST,
            holds=self.holds,
            site=self.site,
            tags=self.tags,
        )

    def _hear(self, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload)
        if message.topic == self._topic("ack"):
            self.acks.put(from_json(payload, Ack, where="ack", error=LinkError))
        elif message.topic == self._topic("command"):
            command = from_json(payload, Command, where="command", error=LinkError)
            self._client.publish(self._topic("reply"), to_json(self.answer(command)), 1)
        elif not payload:
            self.assignments.put(None)
        else:
            envelope = dsse.parse_envelope(payload, where="desired")
            inner = dsse.payload_of(envelope, where="desired")
            dsse.verify(envelope, ASSIGNMENT_TYPE, inner, self._trusted, where="desired")
            self.assignments.put(decode_assignment(inner, where="desired"))
