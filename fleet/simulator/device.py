"""One simulated device: outbox, flight, connection and walk joined as the agent's reporter and updater join them.

Everything runs on one event loop, and nothing here waits for more than a turn of it. What the device sends, when it
sends it again and when it forgets it are decided by the agent's own code in `contract/`.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from contract import __version__, messages
from contract.assignments import checked_assignment
from contract.codec import to_json
from contract.dsse import Verifier
from contract.errors import LinkError, SignatureError
from contract.flight import Flight, Place
from contract.manifest import Digest
from contract.messages import Ack, Assignment, Birth, Command, Presence, Reply, Reported
from contract.moments import rfc3339
from contract.progress import Progress, after_restart
from contract.topics import Kind, topic
from fleet.simulator import outbox as outboxes
from fleet.simulator.behaviours import GOOD, Character, Traits
from fleet.simulator.connection import Connection, Where, opened
from fleet.simulator.outbox import Outbox
from fleet.simulator.sights import Here, Sights
from fleet.simulator.tally import Sent, Tally
from fleet.simulator.walk import Walk

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0
_EVENT_SHARE = 0.1
"""Of readings that are followed by an event."""
_RESTART_S = (2.0, 6.0)
_LISTENS_TO: tuple[Kind, ...] = ("ack", "desired", "command")


@dataclass
class World:
    """What all devices of one process share."""

    fleet: str
    where: Where
    trusted: Mapping[str, Verifier]
    profile: str
    model: str
    """`NAME@VERSION` that serves in the beginning."""
    digest: Digest
    every_s: float
    backlog: int
    """Readings each device holds before it connects, as after an outage."""
    traits: Mapping[str, Traits]
    whole_share: float
    turns: asyncio.Semaphore
    """Downloads at once."""
    doors: asyncio.Semaphore
    """Connections being made at once."""
    began_s: float
    tally: Tally = field(default_factory=Tally)
    seen: int = 0
    """Devices that were connected at least once."""


class Device:
    """`live` until told to stop; then `rest` says goodbye."""

    def __init__(self, character: Character, world: World) -> None:
        self.name, self._character, self._world = character.name, character, world
        self._chance = character.chance
        self._outbox, self._flight = Outbox(secrets.token_hex(8)), Flight()
        self._sights = Sights(self._chance, character.behaviour.latency_factor)
        self._connection: Connection | None = None
        self._probe: asyncio.TimerHandle | None = None
        self._progress = Progress()
        self._walking: asyncio.Task[None] | None = None
        self._model, self._digest = world.model, world.digest
        self._before = (world.model, world.digest)
        self._muted = self._closing = self._seen = False
        self._ledger: list[tuple[str, int]] = []
        """Boots that are over, and how far each numbered."""

    @property
    def waiting(self) -> int:
        """Messages the collector does not have yet."""
        return self._outbox.waiting

    @property
    def lost(self) -> int:
        """Messages given up or refused."""
        return self._outbox.lost

    @property
    def model(self) -> str:
        """The release that serves."""
        return self._model

    def sent(self) -> list[Sent]:
        """What the store must hold of this device."""
        boots = [*self._ledger, (self._outbox.boot, self._outbox.last)]
        return [Sent(device=self.name, boot=boot, messages=last) for boot, last in boots if last]

    async def live(self) -> None:
        """Be a device, until the task is cancelled."""
        for _ in range(self._world.backlog):
            self._read()
        try:
            await asyncio.gather(self._keep_connected(), self._read_on(), self._misbehave())
        finally:
            if self._walking is not None:
                self._walking.cancel()

    async def flush(self, until_s: float) -> None:
        """Stay connected until the collector has everything, at the latest until that moment of the loop's clock."""
        self._closing = True
        keeping = asyncio.ensure_future(self._keep_connected())
        while self.waiting and time.monotonic() < until_s:
            self._pump()
            await asyncio.sleep(0.1)
        keeping.cancel()
        self.rest()

    def rest(self) -> None:
        """Say that we leave, and disconnect."""
        if self._probe is not None:
            self._probe.cancel()
        if self._connection is not None and not self._connection.gone.done():
            self._publish("presence", to_json(Presence(boot=self._outbox.boot, online=False)), retain=True)
            self._connection.leave()

    async def _keep_connected(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            if self._connection is not None and not self._connection.gone.done():
                await asyncio.wait([self._connection.gone])
            async with self._world.doors:
                connected = await self._connect()
            if connected:
                pause_s = _FIRST_PAUSE_S
                continue
            self._world.tally.refused_connections += 1
            await asyncio.sleep(pause_s * self._chance.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    async def _connect(self) -> bool:
        """Connect, say who we are, listen; whether it worked."""
        will = (self._topic("presence"), to_json(Presence(boot=self._outbox.boot, online=False)))
        try:
            connection = await opened(
                self._world.where, f"{self._world.fleet}.{self.name}", will, self._received, self._pump
            )
            self._connection = connection
            self._publish("presence", to_json(Presence(boot=self._outbox.boot, online=True)), retain=True)
            self._introduce()
            await connection.subscribe([self._topic(kind) for kind in _LISTENS_TO])
        except (LinkError, OSError):
            return False
        self._count_in(connection)
        self._flight.restart()
        self._pump()
        return True

    def _count_in(self, connection: Connection) -> None:
        tally = self._world.tally
        tally.connections += 1
        tally.connected += 1
        connection.gone.add_done_callback(lambda _: setattr(tally, "connected", tally.connected - 1))
        if not self._seen:
            self._seen = True
            self._world.seen += 1
            if self._world.seen == tally.devices:
                tally.all_connected_s = time.monotonic() - self._world.began_s

    async def _read_on(self) -> None:
        await asyncio.sleep(self._chance.uniform(0, self._world.every_s))
        while True:
            self._read()
            if self._chance.random() < _EVENT_SHARE:
                self._put("events", partial(self._sights.event, here=self._here()))
            self._pump()
            await asyncio.sleep(self._world.every_s)

    def _read(self) -> None:
        if not self._muted:
            self._world.tally.readings += 1
        waiting, lost = self._outbox.waiting, self._outbox.lost
        build = partial(
            self._sights.reading, here=self._here(), window_s=self._world.every_s, waiting=waiting, lost=lost
        )
        self._put("telemetry", build)

    def _here(self) -> Here:
        traits = self._world.traits.get(self._model, GOOD)
        return Here(rfc3339(self._now_s()), self._model, self._digest, traits)

    def _now_s(self) -> float:
        """As this device's clock shows it."""
        return max(0.0, time.time() + self._character.clock_off_s)

    async def _misbehave(self) -> None:
        """What its character has in store, again and again."""
        behaviour = self._character.behaviour
        between = behaviour.crash_after_s or behaviour.cut_after_s
        while between is not None:
            await asyncio.sleep(self._chance.uniform(*between))
            if behaviour.crash_after_s:
                await self._crash()
            elif self._connection is not None:
                self._connection.cut()

    async def _crash(self) -> None:
        """The process dies without a word and is started again: a new boot, and the walk as far as the record knows."""
        self._world.tally.crashes += 1
        walking, self._walking = self._walking, None
        if walking is not None:
            walking.cancel()
        provisional = self._progress.state in ("switching", "provisional")
        progress = after_restart(self._progress, provisional=provisional, current=self._digest)
        if provisional:
            self._model, self._digest = self._before
        self._ledger.append((self._outbox.boot, self._outbox.last))
        self._outbox.begin_boot(secrets.token_hex(8))
        self._muted = False
        self._sights.new_model()
        if self._connection is not None:
            self._connection.cut()
        await asyncio.sleep(self._chance.uniform(*_RESTART_S))
        self._progress = progress
        if not progress.unfinished:
            self._tell(progress)
        else:
            self._walking = asyncio.ensure_future(self._walk())

    def _put(self, kind: outboxes.Kind, build: Callable[[int], object]) -> None:
        if not self._muted and not self._closing:
            self._world.tally.put += 1
            self._outbox.put(kind, build)  # type: ignore[arg-type]

    def _pump(self) -> None:
        """Send what may be sent now, and look again when the oldest may have to be repeated."""
        connection, now_s = self._connection, time.monotonic()
        if connection is None or self._muted:
            return
        if connection.free and self._flight.probe_due(now_s) and (parcel := self._outbox.next_batch(max_count=1)):
            self._publish(parcel.kind, to_json(parcel.batch))
            self._world.tally.probes += 1
        while connection.free and self._flight.may_send():
            parcel = self._outbox.next_batch(self._flight.cursor)
            if parcel is None:
                break
            self._publish(parcel.kind, to_json(parcel.batch))
            self._world.tally.batches += 1
            self._flight.sent(parcel.last, now_s)
        self._look_again(self._flight.pause_s(now_s))

    def _look_again(self, pause_s: float) -> None:
        if self._probe is None and pause_s < math.inf:
            self._probe = asyncio.get_running_loop().call_later(pause_s + 0.05, self._looked)

    def _looked(self) -> None:
        self._probe = None
        self._pump()

    def _publish(self, kind: Kind, payload: bytes, *, retain: bool = False) -> None:
        if self._connection is not None:
            self._connection.publish(self._topic(kind), payload, retain=retain)

    def _topic(self, kind: Kind) -> str:
        return topic(self._world.fleet, self.name, kind)

    def _introduce(self) -> None:
        self._world.tally.births += 1
        holds = {self._world.digest, self._digest, self._before[1]}
        birth = Birth(
            at=rfc3339(self._now_s()),
            boot=self._outbox.boot,
            profile=self._world.profile,
            edgeferry=__version__,
            python="simulated",
            backend="simulated",
            model=self._model,
            digest=self._digest,
            holds=tuple(sorted(holds)),
            site="simulation",
            tags={"behaviour": self._character.kind},
        )
        self._publish("birth", to_json(birth), retain=True)

    def _received(self, text: str, payload: bytes) -> None:
        kind = text.rpartition("/")[2]
        if kind == "desired":
            if payload and not self._muted and not self._closing:
                self._consider(payload)
            return
        message = messages.decode(kind, payload, where=text)
        if isinstance(message, Ack):
            self._world.tally.acknowledged += self._outbox.acknowledge(message.boot, message.sequence, message.refused)
            self._flight.acknowledged(Place(message.boot, message.sequence), time.monotonic())
            self._pump()
        elif isinstance(message, Command):
            if message.verb == "rebirth":
                self._introduce()
            ok = message.verb in ("ping", "rebirth")
            detail = "" if ok else "it is simulated and keeps no pictures"
            self._publish("reply", to_json(Reply(id=message.id, ok=ok, detail=detail)))

    def _consider(self, payload: bytes) -> None:
        """Accept an assignment as the agent does: signed for us by a trusted key, and newer than the last."""
        world = self._world
        try:
            told = checked_assignment(payload, world.trusted, fleet=world.fleet, device=self.name)
        except SignatureError:
            world.tally.turned_down += 1
            return
        if told.counter <= self._progress.accepted:
            world.tally.turned_down += 1
            return
        world.tally.assignments += 1
        before, self._progress = self._walking, Progress(assignment=told, accepted=told.counter)
        self._walking = asyncio.ensure_future(self._walk(before))

    async def _walk(self, before: asyncio.Task[None] | None = None) -> None:
        """One after the other: of several that come during a walk, the last counts."""
        if before is not None and not before.done():
            await asyncio.wait([before])
        told = self._progress.assignment
        assert told is not None
        traits = self._world.traits.get(f"{told.name}@{told.version}", GOOD)
        walk = Walk(
            self._character,
            self._sights,
            traits,
            self._world,
            self._progress,
            serving=self._digest,
            tell=self._tell,
            switch=lambda to: self._switch(to, silenced=walk.silenced),
        )
        await walk.carry_out()
        self._introduce()

    def _switch(self, to: Assignment | None, *, silenced: bool) -> None:
        """Another model serves: the assigned one, or for None the one before."""
        if to is None:
            self._model, self._digest = self._before
            return
        self._before = (self._model, self._digest)
        self._model, self._digest = f"{to.name}@{to.version}", to.digest
        self._sights.new_model()
        self._muted = silenced

    def _tell(self, progress: Progress) -> None:
        """Keep a step of an update, durable in the sense of this memory."""
        told = progress.assignment
        if told is None:
            return
        self._progress = progress
        self._world.tally.states[progress.state] += 1
        if progress.cause is not None:
            self._world.tally.causes[progress.cause] += 1
        self._put(
            "reported",
            lambda sequence: Reported(
                sequence=sequence,
                at=rfc3339(self._now_s()),
                counter=told.counter,
                state=progress.state,
                digest=told.digest,
                running=self._model,
                running_digest=self._digest,
                cause=progress.cause,
                detail=progress.detail,
            ),
        )
        self._pump()
