"""Does a harmful model stop early, and a harmless one never? Simulated rollouts over ten thousand devices each.

The real `planner`, `waves` and judge decide; the devices are numbers (`simulated_rollouts.py` in the tests). Each
figure is a share of seeds with its exact 95 % interval (Clopper and Pearson, Biometrika 1934).
"""

from __future__ import annotations

import math
import statistics
import time
from typing import NamedTuple

from scripts.benchmarks.figure import Figure
from tests.fleet.judging.simulated_rollouts import BARELY, DEVICES, HARMFUL, HARMLESS, Behaviour, Ended, Simulated

MOST_TOUCHED = len(DEVICES) * 2 // 100
CAUGHT_GOAL, FALSE_GOAL = 0.99, 0.01
_TAIL = 0.025


class Counted(NamedTuple):
    """How often something happened."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        """0..1."""
        return self.hits / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Exact, 95 %."""
        low = 0.0 if self.hits == 0 else _where(self.hits - 1, self.of, 1.0 - _TAIL)
        high = 1.0 if self.hits == self.of else _where(self.hits, self.of, _TAIL)
        return low, high

    def words(self, what: str) -> str:
        """For a person."""
        low, high = self.interval
        return f"of {self.of} {what}, as a share; exact 95 % interval {low:.4f} to {high:.4f}"


def figures(short: bool) -> dict[str, Figure]:
    """Harmful models by behaviour, then all of them, then harmless ones."""
    seeds, calm, barely = (24, 20, 6) if short else (300, 300, 100)
    began, found = time.process_time(), dict[str, Figure]()
    caught_all, ended_all = 0, list[Ended]()
    for kind in HARMFUL:
        ended = _run(kind, seeds)
        caught = Counted(sum(_in_time(one) for one in ended), seeds)
        name = kind.name.replace(" ", "_")
        found[f"halted_{name}"] = _caught(caught, kind.name)
        found[f"touched_{name}"] = Figure(
            statistics.median(one.touched for one in ended), f"devices, at most {max(one.touched for one in ended)}"
        )
        caught_all, ended_all = caught_all + caught.hits, ended_all + ended
    found["halted"] = _caught(Counted(caught_all, len(ended_all)), "harmful rollouts")
    found["minutes_to_halt"] = Figure(statistics.median(one.minutes for one in ended_all), "min after the beginning")
    found["false_halts"] = _false(HARMLESS, calm, "rollouts of the same model")
    found["false_halts_a_little_worse"] = _false(BARELY, barely, "rollouts of a model worse within what is allowed")
    found["processor"] = Figure(time.process_time() - began, "s")
    return found


def _run(kind: Behaviour, seeds: int) -> list[Ended]:
    return [Simulated(seed, kind).run() for seed in range(seeds)]


def _in_time(ended: Ended) -> bool:
    return ended.verdict.halt and ended.touched <= MOST_TOUCHED


def _caught(counted: Counted, what: str) -> Figure:
    goal = f"at least {CAUGHT_GOAL:g} halted with at most {MOST_TOUCHED} of {len(DEVICES)} touched"
    return Figure(counted.share, counted.words(what), goal, counted.share >= CAUGHT_GOAL)


def _false(kind: Behaviour, seeds: int, what: str) -> Figure:
    counted = Counted(sum(ended.verdict.halt for ended in _run(kind, seeds)), seeds)
    return Figure(counted.share, counted.words(what), f"less than {FALSE_GOAL:g}", counted.share < FALSE_GOAL)


def _where(hits: int, of: int, chance: float) -> float:
    """The share at which at most `hits` of `of` have this chance: found by halving, as it falls with the share."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        at_most = sum(math.exp(_log_chance(k, of, middle)) for k in range(hits + 1))
        low, high = (middle, high) if at_most > chance else (low, middle)
    return low


def _log_chance(hits: int, of: int, share: float) -> float:
    """Logarithm of the binomial probability."""
    ways = math.lgamma(of + 1) - math.lgamma(hits + 1) - math.lgamma(of - hits + 1)
    return ways + hits * math.log(share) + (of - hits) * math.log1p(-share)
