"""Whole rollouts over ten thousand simulated devices; `scripts/bench fleet_halts` runs hundreds of them."""

from __future__ import annotations

import pytest

from fleet.judging.limits import Judging
from tests.fleet.judging.simulated_rollouts import BARELY, DEVICES, HARMFUL, HARMLESS, Behaviour, Simulated

CAUSES = {"less accurate": "confidence", "slow": "latency", "crashes": "failures", "silent death": "silence"}


@pytest.mark.parametrize("kind", HARMFUL, ids=lambda kind: kind.name)
def test_a_harmful_model_touches_at_most_two_in_a_hundred(kind: Behaviour) -> None:
    ended = [Simulated(seed, kind).run() for seed in range(1000, 1006)]
    assert [one.verdict.halt for one in ended] == [True] * 6
    assert max(one.touched for one in ended) <= len(DEVICES) * 2 // 100
    assert CAUSES[kind.name] in {one.verdict.cause for one in ended}


@pytest.mark.parametrize("kind", [HARMLESS, BARELY], ids=lambda kind: kind.name)
def test_a_model_as_good_or_nearly_so_reaches_everybody(kind: Behaviour) -> None:
    ended = [Simulated(seed, kind).run() for seed in range(1000, 1004)]
    assert [(one.verdict.halt, one.touched) for one in ended] == [(False, len(DEVICES))] * 4


def test_with_nothing_compared_harm_reaches_everybody() -> None:
    blind = Judging(failures=None, silence=None, latency=None, rate=None, restarts=None, answers=None, confidence=None)
    kind = next(kind for kind in HARMFUL if kind.name == "slow")
    assert Simulated(1000, kind, blind, phases=("1", "50", "all")).run().touched == len(DEVICES)


def test_the_same_seed_ends_the_same_way() -> None:
    first, second = (Simulated(7, HARMFUL[0]).run() for _ in range(2))
    assert first == second
