"""The gambler's wealth, and how seldom it grows by luck."""

from __future__ import annotations

import itertools
import math
from itertools import pairwise

import numpy as np
import pytest

from fleet.judging.ranks import Counts, Floats, devices_above
from fleet.judging.wealth import LEVELS, SHARES, Ranks, mean_wealth, share_bets, share_wealth, shown, taken_off


def standing(*above: int) -> Counts:
    return np.array(above, dtype=np.int64)


def test_nothing_heard_is_the_stake() -> None:
    assert Ranks().play(standing(), 20) == 0.0
    assert share_wealth(0, 0, 0.05) == pytest.approx(0.0)


@pytest.mark.parametrize(("controls", "needed"), [(10, 9), (20, 6), (50, 4), (200, 3), (10_000, 2)])
def test_so_few_canaries_above_all_control_are_enough_evidence(controls: int, needed: int) -> None:
    bound = math.log(10_800)
    assert Ranks().play(standing(*[0] * needed), controls) >= bound
    assert Ranks().play(standing(*[0] * (needed - 1)), controls) < bound


def test_canaries_below_control_lose_the_stake() -> None:
    game = Ranks()
    assert game.play(standing(*[150] * 50), 200) < 0
    assert game.play(standing(0), 200) < math.log(100)


def test_the_ratio_of_the_laws_is_fair_for_every_number_of_hits() -> None:
    """Over all sequences of three canaries among four control devices, which the urn makes equally likely by gap."""
    controls, total = 4, 0.0
    for gaps in itertools.product(range(controls + 1), repeat=3):
        probability, seen = 1.0, [0] * (controls + 1)
        for gap in gaps:
            probability *= (1 + seen[gap]) / (controls + 1 + sum(seen))
            seen[gap] += 1
        game = Ranks()
        game.play(standing(*gaps), controls)
        total += probability * float(np.mean(np.exp(game.bets)))
    assert total == pytest.approx(1.0)


def test_one_by_one_or_all_at_once_is_the_same() -> None:
    whole, parts = Ranks(), Ranks()
    whole.play(standing(0, 3, 90, 1), 100)
    for above in (0, 3, 90, 1):
        parts.play(standing(above), 100)
    assert parts.heard == whole.heard == 4
    assert parts.above == whole.above == [1, 2, 3, 3]
    assert parts.bets == pytest.approx(whole.bets)


def test_standing_higher_never_wins_less() -> None:
    chance = np.random.default_rng(3)
    for controls in (5, 40):
        drawn = chance.integers(0, controls + 1, 30)
        higher = np.maximum(drawn - chance.integers(0, 3, 30), 0)
        low, high = Ranks(), Ranks()
        low.play(drawn, controls)
        high.play(higher, controls)
        assert all(more >= less - 1e-9 for less, more in zip(low.bets, high.bets, strict=True))


@pytest.mark.parametrize("controls", [3, 20, 60, 200])
def test_what_control_measured_anew_could_add_is_taken_off(controls: int) -> None:
    def log_beta(a: Floats, b: Floats) -> Floats:
        return np.array([math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y) for x, y in zip(a, b, strict=True)])

    for top in np.maximum(1, np.rint(LEVELS * (controls + 1))):
        for n in (1, 3, 10, 30, 100, 300, 600):
            k, rest, share = np.arange(n + 1.0), controls + 1 - top, top / (controls + 1)
            binomial = k * math.log(share) + (n - k) * math.log1p(-share)
            one = np.ones(n + 1)
            urn = log_beta(top + k, rest + n - k) - log_beta(top * one, rest * one)
            assert float(np.max(binomial - urn)) <= float(taken_off(np.array(float(n)), controls))


@pytest.mark.parametrize("true", [0.0, 0.02, 0.05])
def test_a_bet_on_failures_is_at_most_fair_where_no_more_fail_than_allowed(true: float) -> None:
    n = 12
    chances = [math.comb(n, k) * true**k * (1 - true) ** (n - k) for k in range(n + 1)]
    expected = sum(chance * math.exp(share_wealth(n, k, 0.05)) for k, chance in enumerate(chances))
    assert expected <= 1 + 1e-9
    assert true < 0.05 or expected == pytest.approx(1.0)


def test_more_failures_are_more_evidence() -> None:
    wealths = [share_wealth(50, failed, 0.05) for failed in range(51)]
    assert all(more > less for less, more in pairwise(wealths[3:]))
    assert wealths[2] < math.log(800) < wealths[12]


def test_groups_with_their_own_base_are_added_up_bet_by_bet() -> None:
    both = share_bets(10, 9, 0.06) + share_bets(5, 5, 0.5)
    assert mean_wealth(both) > mean_wealth(share_bets(10, 9, 0.06)) > math.log(1600)


def test_where_everything_is_allowed_nothing_is_bet() -> None:
    for base in (0.999, 1.0, 7.0):
        assert share_bets(10, 10, base).tolist() == [0.0] * SHARES.size


@pytest.mark.parametrize("anew", [False, True])
def test_looked_at_after_every_device_it_reaches_the_bound_as_seldom_as_promised(anew: bool) -> None:
    chance, alpha, seeds, ever = np.random.default_rng(11), 0.1, 600, 0
    for _ in range(seeds):
        game, peak, control = Ranks(), 0.0, chance.standard_t(2, 20)
        for _ in range(30):
            control = chance.standard_t(2, 20) if anew else control
            above = devices_above(control, np.zeros(20), chance.standard_t(2, 4), np.zeros(4))
            peak = max(peak, game.play(above, 20))
        ever += peak >= math.log(1 / alpha)
    # The standard error of 600 seeds is 0.012.
    assert 0 < ever / seeds < alpha + 0.024


def test_failures_at_the_allowed_share_reach_the_bound_as_seldom_as_promised() -> None:
    chance, alpha = np.random.default_rng(11), 0.1
    failed = np.cumsum(chance.random((600, 300)) < 0.05, axis=1)
    ever = [
        any(share_wealth(n, int(row[n - 1]), 0.05) >= math.log(1 / alpha) for n in range(10, 301, 10)) for row in failed
    ]
    assert 0 < np.mean(ever) < alpha + 0.024


def test_no_evidence_is_too_large_to_be_shown() -> None:
    assert math.isfinite(shown(1e6))
