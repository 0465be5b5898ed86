"""One device's life in the campaign of `updates_kills.py`: assigned to, started, killed, judged, again and again.

What the campaign knows to be true of the device is kept here; whether what is found agrees, `_kills_check.py` says.
"""

from __future__ import annotations

import random
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from contract.codec import to_json
from contract.dsse import ASSIGNMENT_TYPE, sign
from contract.messages import Assignment
from contract.moments import rfc3339
from contract.states import FINAL
from devices.keys import Signer, load_signer, load_verifiers
from edge.durable import Disk
from edge.inbox import Inbox
from scripts.benchmarks._kills_agents import Life, Side
from scripts.benchmarks._kills_bundles import LIMITS, Published, Shop, answers
from scripts.benchmarks._kills_check import Fault, Sort, Truth, outcome_fault, phase, read, record_fault, slot_faults
from scripts.benchmarks._kills_device import Host, Served
from tests.edge.tiny_bundle import PROFILE

FLEET = "campaign"
_PATIENCE_S = 90.0
_LOOK_S = 0.02
_WHOLE_S = 6.0
"""So much longer a start with nothing made cheaper may be left alone."""
_DEADLINE_S = 3600.0
Publish = Callable[[str, bytes], None]
"""A device's name, and its signed assignment."""
_LOCAL_FRAMES = 30
"""Of the health window of an order at the inbox: the contract's own default."""
_WAY = ("downloading", "verifying", "staging", "testing", "shadowing", "switching", "provisional", "committed")
_VERBS = {
    "downloading": (1, 24),
    "staging": (1, 34),
    "provisional": (2, 8),
    "committed": (1, 14),
    "refused": (1, 14),
    "rolled-back": (1, 14),
}
"""Which disk verbs may follow a state: 1 to 4 for the others."""


class Tally:
    """What all devices came to. For several threads."""

    def __init__(self, kills: int, whole_every: int) -> None:
        self._lock, self._left, self._whole_every = threading.Lock(), kills, whole_every
        self.kills = 0
        self.phases: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.faults: list[Fault] = []
        self.quick_s, self.whole_s, self.whole_cpu_s = list[float](), list[float](), list[float]()

    def begin_life(self) -> bool | None:
        """Whether nothing is made cheaper for this one; None when there were enough."""
        with self._lock:
            self._left -= 1
            return None if self._left < 0 else self._left % self._whole_every == 0

    def killed(self, where: str) -> None:
        """One more."""
        with self._lock:
            self.kills += 1
            self.phases[where] += 1
            if self.kills % 500 == 0:
                print(f"{self.kills} kills, {len(self.faults)} faults", file=sys.stderr, flush=True)  # noqa: T201

    def fault(self, sort: Sort, words: str) -> None:
        """Something that must not be; said at once."""
        print(f"FAULT {sort}: {words}", file=sys.stderr, flush=True)  # noqa: T201
        with self._lock:
            self.faults.append(Fault(sort, words))

    def served(self, after_s: float, cpu_s: float | None) -> None:
        """A restart that came to a frame; with what it took of the processors where nothing was made cheaper."""
        with self._lock:
            if cpu_s is None:
                self.quick_s.append(after_s)
            else:
                self.whole_s.append(after_s)
                self.whole_cpu_s.append(cpu_s)


class Roads(NamedTuple):
    """How things come to a device."""

    server: str
    broker: str
    publish: Publish


class Station:
    """One device, and all the campaign knows of it."""

    def __init__(self, folder: Path, number: int, seed: int, shop: Shop, roads: Roads, tally: Tally) -> None:
        self._name, self._shop, self._roads, self._tally = f"cam-{number}", shop, roads, tally
        self._chance = random.Random(f"{seed}/{number}")
        self._local = number % 4 == 1
        self._folder = folder / self._name
        self._folder.mkdir()
        self._state = self._folder / "state"
        first = shop.of_fate("good")[0]
        broker = "mqtt://127.0.0.1:9" if self._local else roads.broker
        (self._folder / "device.toml").write_text(_device_toml(self._name, broker, shop, first))
        (self._folder / "answers.json").write_bytes(answers(shop))
        self._signer, self._keys = load_signer(shop.fleet.with_suffix("")), load_verifiers([shop.publisher])
        self._inbox = Inbox(self._state, Disk())
        self._truth, self._counter, self._life = Truth(None, None, first), 0, 0
        self._healthy = self._unseen = self._told_back = self._recovering = False
        self._span_s = 2.0
        self._host = Host(self._folder)

    def live(self) -> None:
        """Life after life, until the campaign has had enough."""
        try:
            while (whole := self._tally.begin_life()) is not None:
                self._one_life(whole=whole)
        finally:
            self._host.close()

    def _one_life(self, *, whole: bool) -> None:
        """Start, look, wait for the kill, judge what is left."""
        self._life += 1
        self._go_on()
        life, at_s = self._plan()
        at_s += whole * self._chance.uniform(0.0, _WHOLE_S)
        began_unix_s = time.time()
        self._unseen |= whole
        self._host.start(replace(life, real_vision=whole), alone=whole)
        if self._host.odd_end:
            self._fault("end", f"the agent before ended with wait status {self._host.odd_end}")
        served = self._host.first_frame(_PATIENCE_S if life.verb or life.delay_s is not None else max(at_s, 0.0))
        if served is not None:
            self._tally.served(served.after_s, self._host.cpu_s() if whole else None)
            self._look_at_service(served, whole=whole)
            self._go_on()
            # A real vision process takes no notes, also of what was assigned in its time.
            self._unseen |= whole
            self._wait_for_the_end(at_s)
        elif self._host.age_s > _PATIENCE_S:
            self._fault("model", f"does not serve {_PATIENCE_S:g} s after a start")
        self._host.kill()
        self._judge(began_unix_s)

    def _go_on(self) -> None:
        """The next assignment, once the last one has come to its end."""
        self._settle()
        if self._truth.target is None and not self._truth.going_back and self._truth.current is not None:
            self._assign()

    def _plan(self) -> tuple[Life, float]:
        """How this one ends: by itself, or by us after so many seconds at the latest."""
        chance, kind = self._chance, self._chance.random()
        if self._recovering and kind < 0.5:
            return Life(verb=chance.randint(1, 10), side=self._side()), self._span_s * 3
        if kind < 0.3:
            return Life(), chance.uniform(0.0, self._span_s)
        state = chance.choice(self._states_ahead())
        if kind < 0.55:
            return Life(state=state, delay_s=chance.choice((0.0, 0.05, 0.2)) * chance.random()), self._span_s * 3
        verb = chance.randint(*_VERBS.get(state, (1, 4)))
        return Life(state=state, verb=verb, side=self._side()), self._span_s * 3

    def _states_ahead(self) -> list[str]:
        """Those the target may come to, where it is not held up."""
        fate = "good" if self._truth.target is None else self._truth.target.fate
        stops = {"good": 8, "golden": 4, "shadow": 5, "health": 7, "stranger": 2}
        ends = {"good": "committed", "health": "rolled-back"}
        rare = ["provisional"] * 3 if fate in ends else []
        return [*_WAY[1 : stops[fate]], *rare, "downloading", ends.get(fate, "refused")]

    def _side(self) -> Side:
        sides: tuple[Side, ...] = ("before", "half", "after")
        return self._chance.choice(sides)

    def _wait_for_the_end(self, at_s: float) -> None:
        """The kill that was drawn; a walk that ends before is not waited upon for long."""
        while self._host.age_s < at_s:
            if self._host.ended(min(_LOOK_S, at_s - self._host.age_s)):
                return
            if self._walk_is_over():
                self._span_s += 0.1 * (min(self._host.age_s * 1.2, 20.0) - self._span_s)
                self._host.ended(self._chance.uniform(0.0, 0.1))
                return

    def _walk_is_over(self) -> bool:
        target, progress = self._truth.target, read(self._state, 0.0).progress
        if self._truth.going_back:
            return self._inbox.look() is None and progress.state == "rolled-back"
        return (
            target is not None
            and progress.assignment is not None
            and progress.assignment.digest == target.digest
            and progress.counter == (0 if self._local else self._counter)
            and progress.state in FINAL
            and progress.state != "idle"
            and not (self._local and self._inbox.look() is not None)
        )

    def _look_at_service(self, served: Served, *, whole: bool) -> None:
        """What answers after a restart must be what the slots said before it."""
        self._take_notes()
        pointers = read(self._state, 0.0).pointers
        expected = self._truth.current or (self._truth.target and self._truth.target.digest)
        assert expected is not None
        release = f"tiny@{self._shop.bundles[expected].version}"
        if served.release != release and self._truth.stand(pointers) != "after":
            self._fault("target", f"{served.release} serves after a restart, {release} should")
        if self._truth.stand(pointers) is None:
            self._fault("target", f"the slots are [{pointers}] after a restart, truth is {self._truth}")

    def _judge(self, since_s: float) -> None:
        """What lies in the folder of a dead device."""
        self._take_notes()
        found = read(self._state, since_s)
        where = phase(found, recovering=self._recovering, told_back=self._told_back)
        self._tally.killed(where)
        self._told_back = False
        stand = self._truth.stand(found.pointers)
        if stand is None and not (self._truth.current is None and found.pointers.current is None):
            self._fault("target", f"the slots are [{found.pointers}], truth is {self._truth}")
        wrong = slot_faults(self._state, found.pointers, self._shop.bundles, self._keys)
        if wrong:
            self._fault("model", wrong)
        committed = stand == "after" and self._truth.target is not None and self._truth.current is not None
        if committed and not (self._healthy or self._unseen):
            self._fault("record", "committed, and its health window was never seen to be full")
        untrue = record_fault(self._truth, stand, found.progress) if stand is not None else ""
        if untrue:
            self._fault("record", untrue)
        self._recovering = stand == "trial"

    def _settle(self) -> None:
        """Before a life and in it: take over what is certain now, and give up what has ended."""
        # In this order: the device may be at work, and what is read after its end stays.
        nothing_asked, over = self._inbox.look() is None, self._walk_is_over()
        found = read(self._state, 0.0)
        truth, stand = self._truth, self._truth.stand(found.pointers)
        if truth.current is None:
            if stand == "after":
                self._truth = Truth(found.pointers.current, None)
            return
        if truth.going_back:
            if nothing_asked:
                self._truth = Truth(found.pointers.current, found.pointers.fallback)
            return
        if not over:
            return
        assert truth.target is not None
        progress = found.progress
        wrong = outcome_fault(truth.target.fate, progress.state, progress.cause)
        if wrong and not (self._local and truth.target.fate == "health"):
            self._fault("record", f"{wrong}: {progress.detail}")
        self._tally.outcomes[f"{truth.target.fate}_{progress.state}_{progress.cause or 'well'}"] += 1
        self._truth = Truth(found.pointers.current, found.pointers.fallback)

    def _assign(self) -> None:
        """Something else than what serves."""
        self._healthy = self._unseen = False
        truth = self._truth
        if self._local and truth.fallback is not None and self._chance.random() < 0.15:
            self._inbox.place_roll_back()
            self._truth = truth._replace(going_back=True)
            return
        fates = ("good", "golden", "stranger") if self._local else ("good", "golden", "shadow", "health", "stranger")
        weights = {"good": 3, "health": 2}
        fate = self._chance.choices(fates, [weights.get(fate, 1) for fate in fates])[0]
        target = self._chance.choice([one for one in self._shop.of_fate(fate) if one.digest != truth.current])
        self._truth = truth._replace(target=target)
        if self._local:
            shutil.rmtree(self._state / "inbox", ignore_errors=True)
            self._inbox.place_install(target.path, None)
            return
        self._counter += 1
        self._roads.publish(self._name, self._signed(target, self._signer))

    def _signed(self, target: Published, key: Signer) -> bytes:
        assert self._truth.current is not None
        offer = self._shop.deltas.get((self._truth.current, target.digest)) if self._chance.random() < 0.6 else None
        if offer is not None:
            offer = replace(offer, url=f"{self._roads.server}/{offer.url}")
        assignment = Assignment(
            fleet=FLEET,
            device=self._name,
            counter=self._counter,
            digest=target.digest,
            name="tiny",
            version=target.version,
            size_bytes=target.size_bytes,
            url=f"{self._roads.server}/{target.path.name}",
            deadline=rfc3339(time.time() + _DEADLINE_S),
            delta=offer,
            limits=target.limits,
        )
        return to_json(sign(ASSIGNMENT_TYPE, to_json(assignment), key.keyid, key.sign, detached=False))

    def _take_notes(self) -> None:
        """What the vision processes were told to run since the last look."""
        for note in self._host.ran():
            published = self._shop.bundles.get(note["digest"])
            what, target = note["what"], self._truth.target
            tried = target is not None and note["digest"] == target.digest
            if (
                published is None
                or published.fate == "stranger"
                or not (note["whole"] and note["prints"] == published.prints)
            ):
                self._fault("unverified", f"told to {what} {note}")
            elif what != "prepare" and not (self._may_serve(published) or note["digest"] == self._truth.current):
                self._fault("target", f"told to {what} {published.fate} {note['digest']}, truth is {self._truth}")
            self._told_back |= what == "back"
            wanted = (_LOCAL_FRAMES, 0.0) if self._local else (LIMITS.health_frames, LIMITS.min_mean_confidence)
            if what == "health" and tried and note["frames"] >= wanted[0] and note["confidence"] >= wanted[1]:
                self._healthy = True

    def _may_serve(self, published: Published) -> bool:
        """Beside the one that was proved: what is being tried, as far as it may come, or gone back to."""
        tried = self._truth.target is not None and published.digest == self._truth.target.digest
        return (tried and published.fate in ("good", "health")) or self._truth.going_back

    def _fault(self, sort: Sort, words: str) -> None:
        self._tally.fault(sort, f"{self._name}, life {self._life}: {words}")


def _device_toml(name: str, broker: str, shop: Shop, first: Published) -> str:
    return f"""
fleet = "{FLEET}"
device = "{name}"
profile = "{PROFILE}"
state_dir = "state"
bundle = "{first.path}"
[broker]
url = "{broker}"
[trust]
publishers = ["{shop.publisher}"]
fleet = ["{shop.fleet}"]
[camera]
source = "synthetic:?size=32x24&fps=50"
[inference]
threads = 1
"""
