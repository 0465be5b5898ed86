"""Devices, and the broker between them and a server, in memory: each device has a state apart from the fleet's.

What a device believes, when it sends something again and what a restart means are decided by the code real devices
run: `contract/assignments.py`, `contract/progress.py`, `contract/states.py`, `contract/flight.py`, and the simulator's
outbox, which a test holds beside the agent's. By hand are only the slots, the connection and the order of the steps in
`edge/updater.py` and `edge/walk.py`; nothing here knows a server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import NamedTuple

from msgspec.structs import replace

from contract.assignments import checked_assignment
from contract.codec import to_json
from contract.flight import Flight, Place
from contract.manifest import Digest
from contract.messages import Ack, Assignment, Birth, Presence, Reported, decode
from contract.progress import Progress, after_restart
from contract.states import TABLE, Cause, Event, State, next_state
from contract.topics import Kind, parse, topic
from devices.keys import development_verifier
from fleet.simulator.outbox import Outbox
from tests.fleet.simulated import FLEET, reading

_ONWARD: dict[State, Event] = {
    "idle": "assigned",
    "downloading": "arrived",
    "verifying": "trusted",
    "staging": "staged",
    "testing": "passed",
    "shadowing": "agreed",
    "switching": "switched",
    "provisional": "healthy",
}
"""The good way through an update; what begins anew begins at `idle`."""
_KEPT_BY_BROKER: tuple[Kind, ...] = ("birth", "presence")


class Sent(NamedTuple):
    """One message on its way to the server."""

    topic: str
    payload: bytes
    retained: bool = False
    """Kept by the broker, and handed over to somebody who has just begun to listen."""


class ModelledBroker:
    """Keeps the order of each sender, and the newest retained message of each topic; delivers when it is told to."""

    def __init__(self) -> None:
        self.retained: dict[str, bytes] = {}
        self.to_server: dict[str, deque[Sent]] = {}
        self.to_device: dict[str, deque[Sent]] = {}
        """Of devices that are connected."""
        self._delivered: dict[str, deque[Sent]] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing is on its way."""
        return not any((*self.to_server.values(), *self.to_device.values()))

    def connect(self, device: str) -> None:
        """A device has subscribed: what it was last told is told again."""
        desired = topic(FLEET, device, "desired")
        kept = self.retained.get(desired)
        self.to_device[device] = deque([Sent(desired, kept, True)] if kept else [])

    def disconnect(self, device: str) -> None:
        """What was on its way to it is lost."""
        self.to_device.pop(device, None)

    def from_device(self, text: str, payload: bytes, *, retain: bool) -> None:
        """A device's message, waiting for its turn."""
        if retain:
            self.retained[text] = payload
        self.to_server.setdefault(parse(text).device, deque()).append(Sent(text, payload))

    def from_server(self, text: str, payload: bytes, *, retain: bool = False) -> None:
        """An acknowledgement, an assignment, or an empty payload that withdraws one."""
        if retain:
            self.retained[text] = payload
        device = parse(text).device
        if device in self.to_device:
            self.to_device[device].append(Sent(text, payload))

    def take(self, device: str, most: int) -> list[Sent]:
        """The next messages of one device; remembered, because they may come again."""
        waiting = self.to_server.get(device, deque())
        taken = [waiting.popleft() for _ in range(min(most, len(waiting)))]
        self._delivered.setdefault(device, deque(maxlen=20)).extend(taken)
        return taken

    def repeat(self, device: str, most: int) -> None:
        """At least once: the last delivered messages come again, in their order and before all others."""
        again = list(self._delivered.get(device, ()))[-most:]
        self.to_server.setdefault(device, deque()).extendleft(reversed(again))

    def begin_listening(self, *, lost: bool) -> None:
        """The server is back: it gets what is kept, after what waited, or nothing else where that was lost."""
        for device, waiting in self.to_server.items():
            if lost:
                waiting.clear()
            kept = ((text, self.retained.get(text)) for text in (topic(FLEET, device, k) for k in _KEPT_BY_BROKER))
            waiting.extend(Sent(text, payload, True) for text, payload in kept if payload)


class Slots:
    """What `edge/slots.py` keeps on disk: three bundles and whether the first is on trial."""

    def __init__(self, current: Digest) -> None:
        self.current = current
        self.fallback: Digest | None = None
        self.earlier: Digest | None = None
        self.provisional = False

    def activate(self, digest: Digest) -> None:
        """Try a bundle."""
        self.current, self.fallback, self.earlier, self.provisional = digest, self.current, self.fallback, True

    def commit(self) -> None:
        """It has proved itself."""
        self.earlier, self.provisional = None, False

    def roll_back(self) -> None:
        """Serve the bundle before."""
        assert self.fallback is not None
        self.current, self.fallback, self.earlier, self.provisional = self.fallback, self.earlier, None, False


class ModelledDevice:
    """A device and its agent. It is on or off, connected or not, and perhaps `stuck`: connected, and nothing passes."""

    def __init__(self, name: str, profile: str, broker: ModelledBroker, releases: dict[Digest, str], runs: Digest):
        self.name, self._profile, self._broker, self._releases = name, profile, broker, releases
        self.slots, self.progress = Slots(runs), Progress()
        self.on = self.connected = self.stuck = False
        self.last_words: dict[int, Progress] = {}
        """By counter, what it would say of each assignment it has accepted."""
        self.steady_s = 0.0
        self._wanted: bytes | None = None
        self._boots = (f"{name}-{number}" for number in count(1))
        self.outbox, self._flight = Outbox(next(self._boots)), Flight()
        self.start()
        self.connect()

    @property
    def model(self) -> str:
        """`NAME@VERSION` that serves."""
        return self._releases[self.slots.current]

    @property
    def busy(self) -> bool:
        """Whether there is something left for it to do."""
        return self.progress.unfinished or self._wanted is not None

    def start(self) -> None:
        """Power comes: undo what was interrupted, and say the last outcome again; nobody listens yet."""
        if self.on:
            return
        self.on = True
        progress = after_restart(self.progress, provisional=self.slots.provisional, current=self.slots.current)
        if self.slots.provisional:
            self.slots.roll_back()
        self._keep(progress)
        if progress.assignment is None or progress.unfinished:
            return
        if progress.state == "committed" and progress.assignment.digest != self.slots.current:
            self._step("failed", "interrupted")
        else:
            self._tell()

    def die(self, *, halfway: bool) -> None:
        """Power goes; `halfway`: the slots are a step on and the record is not, or the record is and the outbox not."""
        if halfway and self.progress.state == "switching":
            self.slots.activate(self._assignment.digest)
        elif halfway and self.progress.state == "provisional":
            self.slots.commit()
        elif halfway and self.progress.unfinished and self.progress.state != "idle":
            self._keep(replace(self.progress, state="refused", cause="operator"))
        self.disconnect()
        self.on, self._wanted = False, None
        self.outbox.begin_boot(next(self._boots))

    def connect(self) -> None:
        """Say who we are, listen, and send what waits."""
        if not self.on or (self.connected and not self.stuck):
            return
        self.disconnect()
        self.connected = True
        self._publish("presence", to_json(Presence(boot=self.outbox.boot, online=True)), retain=True)
        self._introduce()
        self._broker.connect(self.name)
        self._flight.restart()
        self.pump()

    def come_back(self) -> None:
        """Whatever it was, it is over."""
        self.start()
        self.connect()

    def fall_silent(self) -> None:
        """Its connection carries nothing any more, and nobody has noticed."""
        self.stuck = self.connected

    def disconnect(self) -> None:
        """The connection ends; the broker says so in the device's place."""
        if not self.connected:
            return
        self.connected = self.stuck = False
        self._broker.disconnect(self.name)
        will = to_json(Presence(boot=self.outbox.boot, online=False))
        self._broker.from_device(self._topic("presence"), will, retain=True)

    def listen(self) -> None:
        """Take what the broker has for it."""
        waiting = self._broker.to_device.get(self.name)
        while waiting and not self.stuck:
            text, payload, _ = waiting.popleft()
            if parse(text).kind == "desired":
                self._wanted = payload or self._wanted
                continue
            ack = decode("ack", payload, where=text)
            assert isinstance(ack, Ack)
            self.outbox.acknowledge(ack.boot, ack.sequence, ack.refused)
            self._flight.acknowledged(Place(ack.boot, ack.sequence), self.steady_s)
        self.pump()

    def mishaps(self) -> list[Callable[[], None]]:
        """What can happen to it now; what ends something is named more than once."""
        if not self.on:
            return [self.start, self.come_back]
        at_home: list[Callable[[], None]] = [
            self.read,
            partial(self.die, halfway=False),
            partial(self.die, halfway=True),
        ]
        if self.progress.unfinished and (self.progress.state, "failed") in TABLE:
            at_home.append(partial(self.fail, "golden"))
        elif not self.progress.unfinished and self.slots.fallback is not None:
            at_home += [partial(self.give_up, "crash"), partial(self.give_up, "operator")]
        if self.stuck or not self.connected:
            return [*at_home, self.come_back, self.come_back]
        return [*at_home, self.disconnect, self.fall_silent]

    def work(self) -> None:
        """One step on: of the walk under way, or the next assignment is looked at."""
        if not self.on:
            return
        if not self.progress.unfinished:
            self._consider()
        elif self.progress.state == "idle":
            self._begin()
        else:
            self._go_on()

    def fail(self, cause: Cause) -> None:
        """The step under way fails: refused, or rolled back after the switch."""
        if self.slots.provisional:
            self._serve_the_one_before()
        self._step("failed", cause)

    def give_up(self, cause: Cause) -> None:
        """What serves crashes again and again, or somebody at the device wants the model before: back for good."""
        current, told = self.slots.current, self.progress.assignment
        self._serve_the_one_before()
        if self.progress.state == "committed" and told is not None and told.digest == current:
            self._step("failed", cause)
        elif told is not None:
            self._tell()

    def read(self) -> None:
        """A reading, of what has served until now."""
        if self.on:
            runs, model = self.slots.current, self.model
            self.outbox.put(
                "telemetry", lambda sequence: replace(reading(sequence, at_s=0.0, model=model), digest=runs)
            )
            self.pump()

    def pump(self) -> None:
        """Send what may be sent now, as the agent's reporter does."""
        if not self.connected:
            return
        if self._flight.probe_due(self.steady_s) and (parcel := self.outbox.next_batch(max_count=1)):
            self._publish(parcel.kind, to_json(parcel.batch))
        while self._flight.may_send() and (parcel := self.outbox.next_batch(self._flight.cursor)):
            self._publish(parcel.kind, to_json(parcel.batch))
            self._flight.sent(parcel.last, self.steady_s)

    @property
    def _assignment(self) -> Assignment:
        assert self.progress.assignment is not None
        return self.progress.assignment

    def _consider(self) -> None:
        payload, self._wanted = self._wanted, None
        if payload is None:
            return
        told = checked_assignment(payload, development_verifier(), fleet=FLEET, device=self.name)
        if told.counter > self.progress.accepted:
            self._keep(Progress(assignment=told, accepted=told.counter))

    def _begin(self) -> None:
        self._keep(replace(self.progress, tries=self.progress.tries + 1))
        self._step("serving" if self._assignment.digest == self.slots.current else "assigned")

    def _go_on(self) -> None:
        """The slots are written before the record."""
        if self.progress.state == "switching":
            self.slots.activate(self._assignment.digest)
            self._introduce()
        elif self.progress.state == "provisional":
            self.slots.commit()
        self._step(_ONWARD[self.progress.state])
        if not self.progress.unfinished:
            self._introduce()

    def _serve_the_one_before(self) -> None:
        self.slots.roll_back()
        self._introduce()

    def _step(self, event: Event, cause: Cause | None = None) -> None:
        self._keep(replace(self.progress, state=next_state(self.progress.state, event), cause=cause))
        self._tell()

    def _keep(self, progress: Progress) -> None:
        self.progress = progress
        if progress.assignment is not None:
            self.last_words[progress.counter] = progress

    def _tell(self) -> None:
        self.outbox.put("reported", self._reported)
        self.pump()

    def _reported(self, sequence: int) -> Reported:
        return Reported(
            sequence=sequence,
            at="2026-01-01T00:00:00Z",
            counter=self.progress.counter,
            state=self.progress.state,
            digest=self._assignment.digest,
            running=self.model,
            running_digest=self.slots.current,
            cause=self.progress.cause,
        )

    def _introduce(self) -> None:
        birth = Birth(
            at="2026-01-01T00:00:00Z",
            boot=self.outbox.boot,
            profile=self._profile,
            edgeferry="0.1.0",
            python="3.11.7",
            backend="modelled",
            model=self.model,
            digest=self.slots.current,
        )
        self._publish("birth", to_json(birth), retain=True)

    def _publish(self, kind: Kind, payload: bytes, *, retain: bool = False) -> None:
        if self.connected and not self.stuck:
            self._broker.from_device(self._topic(kind), payload, retain=retain)

    def _topic(self, kind: Kind) -> str:
        return topic(FLEET, self.name, kind)
