"""What the device says, and that it arrives: outbox and link joined by one thread.

The runtime and the update walk hand over results, windows and states and go on at once; everything is numbered and
kept first. The thread sends batches oldest first and forgets them when the collector has them. `contract/flight.py`
decides when something is sent again, `edge/outbox.py` what is given up when there is no room, `edge/quiet.py` which
windows say nothing new.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from contract import messages
from contract.codec import to_json
from contract.device import Broker
from contract.errors import LinkError
from contract.flight import Flight, Place
from contract.messages import Ack, Birth, Command, Event, Reply, Reported
from contract.moments import rfc3339
from contract.result import Result
from contract.states import Cause, State
from contract.topics import Kind
from edge import outbox as outboxes
from edge.first_answer import EventPolicy, WorthTelling
from edge.link import Link
from edge.outbox import Outbox, OutboxError

if TYPE_CHECKING:
    from edge.clock import FleetClock
    from edge.kept_files import KeptFiles
    from edge.quiet import Quiet
    from edge.telemetry import Window

log = logging.getLogger(__name__)

_NOT_SHARED = "it does not share its pictures: its owner has not set share = true under [pictures] in device.toml"
_LOOK_AGAIN_S = 0.5
"""Everything that matters wakes the thread at once; this only bounds a wake-up that was missed."""


class Neighbour(Protocol):
    """Somebody beside the fleet whom this device tells things over the same connection, e.g. Home Assistant.

    All but `attach` are called on the link's thread.
    """

    @property
    def listens_to(self) -> Sequence[str]:
        """Topics of theirs."""

    def attach(self, publish: Callable[[str, bytes], bool]) -> None:
        """`publish` sends a retained message to any topic; False, and nothing sent, without a connection."""

    def connected(self) -> None:
        """The broker has accepted us."""

    def heard(self, topic: str, payload: bytes) -> None:
        """Something came on one of `listens_to`."""


class Reporter:
    """Outbox and link of one device.

    Every method may be called from any thread; none but `connect_now` and `close` waits for the network.
    """

    def __init__(
        self,
        broker: Broker,
        fleet: str,
        device: str,
        *,
        outbox: Outbox,
        birth: Callable[[], Birth],
        events: EventPolicy = "changes",
        on_desired: Callable[[bytes], None] | None = None,
        flight: Flight | None = None,
        quiet: Quiet | None = None,
        neighbour: Neighbour | None = None,
        clock: FleetClock | None = None,
        may_lack_certificate: bool = False,
        kept: KeptFiles | None = None,
    ) -> None:
        """The outbox is ours from now on, and closed by `close`. `on_desired` gets signed assignments, unchecked.

        Without `quiet` every window is sent; without `clock` the system's judges the broker's certificate; without
        `kept` no picture is shown to anybody.
        """
        messages.prepare()
        self.sent, self.acknowledged = 0, 0
        """Messages put, and messages the collector has, since this reporter was made."""
        self._outbox, self._on_desired = outbox, on_desired
        self._quiet, self._neighbour, self._kept = quiet, neighbour, kept
        self._flight = flight or Flight()
        self._flight_lock = threading.Lock()
        self._wake, self._closing = threading.Event(), threading.Event()
        self._link = Link(
            broker,
            fleet,
            device,
            boot=outbox.boot,
            birth=birth,
            on_message=self._received,
            on_connected=self._connected,
            on_confirmed=self._wake.set,
            also=neighbour.listens_to if neighbour else (),
            on_other=neighbour.heard if neighbour else None,
            clock=clock,
            may_lack_certificate=may_lack_certificate,
        )
        if neighbour is not None:
            neighbour.attach(lambda topic, payload: self._link.publish_raw(topic, payload, retain=True))
        self._worth_telling = WorthTelling(events)
        self._outbox_works = True
        self._thread = threading.Thread(target=self._drain, name="reporter", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker has let us in."""
        return self._link.connected

    def start(self) -> None:
        """Connect and send in the background, for as long as it takes."""
        self._link.start()
        self._thread.start()

    def connect_now(self, timeout_s: float) -> None:
        """`start`; LinkError, and everything closed, when the broker does not answer within `timeout_s`."""
        try:
            self._link.connect_now(timeout_s)
        except LinkError:
            self.close(0.0)
            raise
        self._thread.start()

    def result(self, result: Result) -> None:
        """Keep one frame's result, if the event policy wants it."""
        if self._worth_telling(result):
            self._put("events", lambda sequence: Event(sequence=sequence, result=result))

    def window(self, window: Window) -> None:
        """Keep the telemetry of one window, unless it says nothing new."""
        passed = window if self._quiet is None else self._quiet.passes(window)
        if passed is not None:
            self._keep_window(passed)

    def _keep_window(self, window: Window) -> None:
        waiting, lost = self._outbox.waiting, self._lost()
        self._put("telemetry", lambda sequence: window.telemetry(sequence, outbox_waiting=waiting, outbox_lost=lost))

    def reported(
        self,
        *,
        counter: int,
        state: State,
        digest: str,
        running: str,
        running_digest: str | None,
        cause: Cause | None = None,
        detail: str = "",
    ) -> None:
        """Keep how far an assignment has come; durable when this returns."""
        self._put(
            "reported",
            lambda sequence: Reported(
                sequence=sequence,
                at=rfc3339(time.time()),
                counter=counter,
                state=state,
                digest=digest,
                running=running,
                running_digest=running_digest,
                cause=cause,
                detail=detail,
            ),
        )

    def introduce(self) -> None:
        """Say anew who we are: another model serves now."""
        self._link.introduce()

    def close(self, flush_s: float) -> None:
        """Wait until the collector has everything, at most `flush_s`; then go offline and close the outbox.

        Without a collector this takes `flush_s`, and what waits stays in the outbox.
        """
        held = self._quiet.rest() if self._quiet is not None else None
        if held is not None:
            self._keep_window(held)
        until = time.monotonic() + flush_s
        while self._thread.is_alive() and self._outbox.waiting and time.monotonic() < until:
            time.sleep(0.02)
        self._closing.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._link.close()
        self._outbox.close()

    def _put(self, kind: outboxes.Kind, build: Callable[[int], outboxes.Kept]) -> None:
        """Keep a message. A disk that refuses must not stop the camera: it is said once, until it works again."""
        try:
            self._outbox.put(kind, build)
        except OutboxError as problem:
            if self._outbox_works:
                log.error("%s", problem)
            self._outbox_works = False
            return
        self._outbox_works = True
        self.sent += 1
        self._wake.set()

    def _lost(self) -> int:
        try:
            return self._outbox.lost
        except OutboxError:
            return 0

    def _drain(self) -> None:
        while not self._closing.is_set():
            with self._flight_lock:
                pause_s = self._flight.pause_s(time.monotonic())
            self._wake.wait(min(pause_s, _LOOK_AGAIN_S))
            self._wake.clear()
            try:
                self._probe()
                while not self._closing.is_set() and self._send_next():
                    pass
            except OutboxError as problem:
                log.error("%s", problem)
                self._closing.wait(_LOOK_AGAIN_S)

    def _probe(self) -> None:
        """Send the oldest message again when the collector has been silent for too long: enough to be answered."""
        with self._flight_lock:
            due = self._link.free and self._flight.probe_due(time.monotonic())
        if due and (parcel := self._outbox.next_batch(max_count=1)) is not None:
            self._link.publish(parcel.kind, to_json(parcel.batch))

    def _send_next(self) -> bool:
        """One batch more in the air; False when there is nothing to send or it may not go yet."""
        with self._flight_lock:
            if not self._link.free or not self._flight.may_send():
                return False
            parcel = self._outbox.next_batch(self._flight.cursor)
            if parcel is None or not self._link.publish(parcel.kind, to_json(parcel.batch)):
                return False
            self._flight.sent(parcel.last, time.monotonic())
            return True

    def _connected(self) -> None:
        with self._flight_lock:
            self._flight.restart()
        self._wake.set()
        if self._neighbour is not None:
            self._neighbour.connected()

    def _received(self, kind: Kind, payload: bytes) -> None:
        """On the link's thread. `desired` is an envelope and not ours to judge."""
        if kind == "desired":
            if self._on_desired is not None and payload:
                self._on_desired(payload)
            return
        try:
            message = messages.decode(kind, payload, where=f"MQTT {kind}")
        except LinkError as problem:
            log.warning("%s", problem)
            return
        if isinstance(message, Ack):
            self._settle(message)
        elif isinstance(message, Command):
            self._obey(message)

    def _settle(self, ack: Ack) -> None:
        """The collector's database has it: forget it here."""
        try:
            self.acknowledged += self._outbox.acknowledge(ack.boot, ack.sequence, ack.refused)
        except OutboxError as problem:
            log.error("%s", problem)
            return
        with self._flight_lock:
            self._flight.acknowledged(Place(ack.boot, ack.sequence), time.monotonic())
        self._wake.set()

    def _obey(self, command: Command) -> None:
        self._link.publish("reply", to_json(self._reply(command)))

    def _reply(self, command: Command) -> Reply:
        if command.verb in ("list-kept", "read-kept"):
            if self._kept is None:
                return Reply(id=command.id, ok=False, detail=_NOT_SHARED)
            return self._kept.answer(command)
        if command.verb == "rebirth":
            self.introduce()
        return Reply(id=command.id, ok=True)
