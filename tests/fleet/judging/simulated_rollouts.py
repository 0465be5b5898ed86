"""A fleet of ten thousand in numbers, and a rollout over it: `planner` and `waves` lead it, the judge may halt it.

No broker and no store. A device is a few numbers that stay (how slow, how sure, where the sun stands), some that wander
over hours, and noise a window; each background failure happens with the old model as well. Time goes in minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.judging.court import Changes, Hearing
from fleet.judging.limits import Judging
from fleet.judging.metrics import METRICS
from fleet.judging.verdicts import Verdict
from fleet.judging.words import pronounce
from fleet.planner import Candidate, plan
from fleet.waves import Done, Target, Tell, decide

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
PHASES = ("1", "50", "200", "1000", "5000", "all")
"""Of 10,000: one device, 0.5 %, 2 %, 10 %, 50 %, all."""
MINUTE_S = 60.0
DAY_S = 86_400.0
DEADLINE_S = 1800.0
NEVER = np.inf
DEVICES = tuple(f"cam-{n:05d}" for n in range(10_000))
CONTROLS, CANARIES = 200, 60
"""As many are compared a minute as `fleet/judging/evidence.py` takes."""


class Behaviour(NamedTuple):
    """What the new model does; nothing by default."""

    name: str
    log_latency: float = 0.0
    confidence: float = 0.0
    """Fall of the mean confidence."""
    moved: float = 0.0
    """Share of first answers that go to another label."""
    crashes: float = 0.0
    """Share of devices on which the process dies within ten minutes after the switch."""
    dies: float = 0.0
    """Share of devices that are never heard from again, within five minutes after the switch."""


HARMLESS = Behaviour("harmless")
HARMFUL = (
    Behaviour("less accurate", confidence=0.08, moved=0.10),
    Behaviour("slow", log_latency=float(np.log(1.5))),
    Behaviour("crashes", crashes=0.30),
    Behaviour("silent death", dies=0.60),
)
BARELY = Behaviour("a little worse", log_latency=float(np.log(1.05)), confidence=0.02, moved=0.02)
"""Worse, and within what is allowed."""


@dataclass
class Fleet:
    """What each device is."""

    chance: np.random.Generator
    size: int = len(DEVICES)
    log_latency: Floats = field(init=False)
    confidence: Floats = field(init=False)
    sun: Floats = field(init=False)
    spread: Floats = field(init=False)
    wander: Floats = field(init=False)

    def __post_init__(self) -> None:
        n, chance = self.size, self.chance
        self.log_latency = chance.normal(np.log(40.0), 0.5, n)
        self.confidence = chance.beta(30, 5, n)
        self.sun = chance.normal(0.0, 0.1, n)
        self.spread = chance.gamma(4.0, 0.02, n)
        self.wander = np.stack((chance.uniform(3600, 6 * 3600, n), chance.uniform(0, 2 * np.pi, n)))

    def windows(self, who: Places, middle_s: Floats | float, length_s: float, new: Behaviour) -> dict[str, Floats]:
        """What the devices `who` say over a window around `middle_s`, on a model that behaves as `new`."""
        n, chance = who.size, self.chance
        day = np.sin(2 * np.pi * (middle_s / DAY_S + self.sun[who]))
        slow = np.sin(2 * np.pi * middle_s / self.wander[0, who] + self.wander[1, who])
        odd = np.where(chance.random(n) < 0.01, chance.standard_t(2, n), 0.0)
        few = np.sqrt(300.0 / length_s)
        latency = self.log_latency[who] + 0.04 * day + 0.04 * slow + few * chance.normal(0, 0.04, n) + 0.3 * odd
        confidence = self.confidence[who] + 0.04 * day + 0.015 * slow + few * chance.normal(0, 0.02, n) + 0.05 * odd
        return {
            "latency": latency + new.log_latency,
            "confidence": np.clip(confidence - new.confidence, 0, 1),
            "answers": self.spread[who] * np.abs(chance.normal(1.0, 0.3, n)) + new.moved,
            "drift": chance.binomial(5, 0.01, n) / 5,
            "restarts": chance.poisson(0.01, n) * 3600 / length_s,
            "rate": np.exp(0.1 * slow + chance.normal(0, 0.1, n)),
            "errors": chance.binomial(3000, 0.0005, n) / 3000,
        }


@dataclass
class Ended:
    """How one rollout went."""

    verdict: Verdict
    touched: int
    """Devices told."""
    minutes: float


class Simulated:
    """One rollout. Arrays are by place in `DEVICES`; moments are seconds since midnight."""

    def __init__(
        self, seed: int, new: Behaviour, judging: Judging | None = None, phases: tuple[str, ...] = PHASES
    ) -> None:
        self.chance = np.random.default_rng(seed)
        self.fleet, self.new, self.judging = Fleet(self.chance), new, judging or Judging()
        n = self.fleet.size
        self.gone_always = self.chance.random(n) < 0.01
        planned = plan(
            [Candidate(name, "rpi4", "old", not gone) for name, gone in zip(DEVICES, self.gone_always, strict=True)],
            {"rpi4": "new"},
            phases,
        )
        place = {name: at for at, name in enumerate(DEVICES)}
        self.waves = [np.array([place[p.device] for p in wave], dtype=np.intp) for wave in planned.waves]
        self.wave = np.empty(n, dtype=np.intp)
        for number, wave in enumerate(self.waves):
            self.wave[wave] = number
        self.told = np.full(n, NEVER)
        self.commits, self.fails, self.dies, self.crashes = (np.full(n, NEVER) for _ in range(4))
        self.now = 8 * 3600.0
        self.hearing = Hearing()
        looks = len(self.judging.looks_s)
        self.told_until, self.committed_until = [0.0] * looks, [0.0] * looks

    def run(self) -> Ended:
        """Until it is halted or done; half an hour after the last device it is over."""
        began, wave = self.now, -1
        while True:
            verdict = self.judge()
            if verdict.halt:
                break
            if not self.under_way().any() and not verdict.pending:
                step = decide(self.targets())
                if isinstance(step, Done):
                    break
                assert step == Tell(wave + 1)
                assert isinstance(step, Tell)
                wave = step.wave
                self.tell(self.waves[wave])
            self.now += MINUTE_S
        return Ended(verdict, int(np.isfinite(self.told).sum()), (self.now - began) / 60)

    def tell(self, who: Places) -> None:
        """Decide what will become of each: the update takes minutes, one in a hundred fails as it would any day."""
        n, chance = who.size, self.chance
        self.told[who] = self.now
        switches = self.now + np.exp(chance.normal(np.log(120.0), 0.5, n))
        commits = switches + 60.0
        self.commits[who] = commits
        fate = chance.random(n)
        refused, silent = fate < 0.005, (fate >= 0.005) & (fate < 0.01)
        self.fails[who] = np.where(refused, switches, np.where(silent, self.now + DEADLINE_S, NEVER))
        dies = np.where(chance.random(n) < self.new.dies, switches + chance.uniform(0, 300, n), NEVER)
        self.dies[who] = np.minimum(dies, np.where(silent, switches, NEVER))
        dead = self.dies[who] < commits
        self.fails[who] = np.minimum(self.fails[who], np.where(dead, self.now + DEADLINE_S, NEVER))
        crash = np.where(chance.random(n) < self.new.crashes, switches + chance.uniform(0, 600, n), NEVER)
        self.crashes[who] = crash
        self.fails[who] = np.minimum(self.fails[who], np.where(crash < commits, crash, NEVER))
        self.commits[who] = np.where(np.isfinite(self.fails[who]), NEVER, commits)

    def under_way(self) -> NDArray[np.bool_]:
        """Told, and neither committed nor failed yet."""
        found: NDArray[np.bool_] = np.isfinite(self.told) & (self.commits > self.now) & (self.fails > self.now)
        return found

    def targets(self) -> list[Target]:
        """As `waves.decide` wants them. Failures are the judge's matter, so who failed no longer takes part."""
        state = np.where(np.isfinite(self.told), "provisional", "waiting").astype("U16")
        state[self.commits <= self.now] = "committed"
        failed = self.fails <= self.now
        return [
            Target(name, None if bad else number, word, None, "")
            for name, number, word, bad in zip(
                DEVICES, self.wave.tolist(), state.tolist(), failed.tolist(), strict=True
            )
        ]

    def judge(self) -> Verdict:
        """What `fleet/judging/evidence.py` does each time, on these numbers."""
        allowed, told = self.judging, self.told <= self.now
        reacted = told & ~(self.gone_always & (self.commits > self.now))
        failed = reacted & (self.fails <= self.now)
        # A committed device whose process dies again and again goes back within a minute.
        failed |= reacted & (self.crashes + 60 <= self.now)
        self.hearing.hear_failures(allowed, told=int(reacted.sum()), failed=int(failed.sum()))
        gone = self.gone_always | (self.dies + 90 <= self.now)
        waiting = ~told
        for look, look_s in enumerate(allowed.looks_s):
            start, end = self.told_until[look], self.now - look_s
            due = reacted & (self.told >= start) & (self.told < end)
            self.told_until[look] = end
            self.hearing.hear_silence(
                look,
                allowed,
                canaries=int(due.sum()),
                gone=int((due & gone).sum()),
                controls=int(waiting.sum()),
                controls_gone=int((waiting & gone).sum()),
            )
            self.hear_readings(look, look_s)
        pending = int(((self.commits <= self.now) & (self.commits >= self.committed_until[0])).sum())
        return pronounce(self.hearing, allowed, new="digits@2", old="digits@1", pending=pending)

    def hear_readings(self, look: int, look_s: float) -> None:
        """The minute of switches that is due by now."""
        end = self.now - look_s - 15
        start, self.committed_until[look] = self.committed_until[look], end
        alive = (self.dies > self.now) & (self.crashes > self.now)
        canaries = np.flatnonzero((self.commits >= start) & (self.commits < end) & alive)
        controls = np.flatnonzero(~np.isfinite(self.told) & ~self.gone_always)
        if not canaries.size or not controls.size:
            return
        canaries = self.chance.permutation(canaries)[:CANARIES]
        controls = self.chance.choice(controls, min(CONTROLS, controls.size), replace=False)
        told_s, middle_s = float(np.median(self.told[canaries])), end + look_s / 2 - 30
        control = self.changes(controls, told_s, middle_s, look_s, HARMLESS)
        canary = self.changes(canaries, told_s, self.commits[canaries] + look_s / 2, look_s, self.new)
        for metric, values in canary.items():
            drawn = [Changes(found, self.chance.random(found.size)) for found in (control[metric], values)]
            self.hearing.hear_changes(look, metric, self.judging, *drawn)

    def changes(
        self, who: Places, told_s: float, middle_s: Floats | float, look_s: float, new: Behaviour
    ) -> dict[str, Floats]:
        """How each device changed, larger being worse: `windows.changes` for many at once."""
        before = self.fleet.windows(who, told_s - look_s / 2, look_s, HARMLESS)
        after = self.fleet.windows(who, middle_s, look_s, new)
        found = {
            "latency": after["latency"] - before["latency"],
            "confidence": before["confidence"] - after["confidence"],
            "answers": after["answers"],
            "rate": 1.0 - after["rate"] / before["rate"],
        }
        found |= {metric: after[metric] - before[metric] for metric in ("drift", "restarts", "errors")}
        assert found.keys() <= METRICS.keys()
        return found
