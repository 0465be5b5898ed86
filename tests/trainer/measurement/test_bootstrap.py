"""Bootstrap intervals: how often they hold what they promise, and what they say where the bootstrap knows nothing."""

from __future__ import annotations

import numpy as np
import pytest

from contract.intervals import share_interval
from trainer.measurement.bootstrap import Figure, estimate
from trainer.measurement.calibration import bins_of, gap_by_chance
from trainer.measurement.measures import Ranged
from trainer.measurement.weighted import Counts, auroc, calibration_gap, mean_of, mean_over_classes


def figure_of(values: np.ndarray) -> dict[str, Figure]:
    return {"mean": Figure(mean_of(values.astype(np.float64)))}


def test_the_interval_of_a_mean_is_that_of_the_textbook() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.1, 400)
    value, low, high = estimate(figure_of(values), 400, seed=1)["mean"].single
    half = 1.96 * values.std(ddof=1) / 20
    assert value == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((value - half, value + half), abs=0.1 * half)


def drawn(seed: int, pictures: int) -> tuple[np.ndarray, np.ndarray]:
    """Truth of three uneven classes, and probabilities that are a little too sure."""
    draws = np.random.default_rng(seed)
    truth = draws.choice(3, pictures, p=(0.6, 0.3, 0.1))
    logits = draws.normal(size=(pictures, 3))
    logits[np.arange(pictures), truth] += 2.0
    powers = np.exp(1.5 * logits)
    return truth, powers / powers.sum(axis=1, keepdims=True)


def figures(truth: np.ndarray, shares: np.ndarray) -> dict[str, Figure]:
    right = (shares.argmax(axis=1) == truth).astype(np.float64)
    sureness = shares.max(axis=1)
    areas = auroc(truth, shares)
    return {
        "accuracy": Figure(mean_of(right)),
        "macro_f1": Figure(Counts(truth, shares.argmax(axis=1), 3).macro_f1),
        "auroc": Figure(lambda weights: mean_over_classes(areas(weights))),
        "ece": Figure(calibration_gap(bins_of(sureness), sureness, right), skewed=True),
    }


def test_intervals_hold_the_truth_about_as_often_as_they_promise() -> None:
    population = figures(*drawn(1_000_003, 50_000))
    known = {name: float(figure.of(np.ones((1, 50_000)))[0]) for name, figure in population.items()}
    rounds = 150
    held = dict.fromkeys(known, 0)
    for seed in range(rounds):
        truth, shares = drawn(seed, 150)
        sureness = shares.max(axis=1)
        chance = gap_by_chance(bins_of(sureness), sureness, seed=seed, draws=100)
        for name, found in estimate(figures(truth, shares), 150, seed=seed, resamples=300).items():
            value, low, high = found.single
            ends = Ranged(value=value, low=low, high=high)
            ends = chance.widened(ends) if name == "ece" else ends
            held[name] += float(ends.low or 0.0) <= known[name] <= float(ends.high or 0.0)
    # 95 % within three standard errors of 150 rounds; a class of 15 pictures and few resamples cost a little.
    assert {name: count / rounds >= 0.89 for name, count in held.items()} == dict.fromkeys(known, True), held
    assert held["accuracy"] / rounds <= 0.995


def test_equal_arguments_give_equal_intervals_and_another_seed_others() -> None:
    values = np.random.default_rng(3).random(80)
    first, second, other = (estimate(figure_of(values), 80, seed=s)["mean"].single for s in (1, 1, 2))
    assert first == second
    assert first != other
    assert first == pytest.approx(other, abs=0.02)


def test_without_a_single_mistake_wilson_speaks_instead_of_certainty() -> None:
    value, low, high = estimate(figure_of(np.ones(40)), 40, seed=0)["mean"].single
    assert (value, high) == (1.0, 1.0)
    assert low == pytest.approx(share_interval(1.0, 40)[0])
    costly = Figure(mean_of(np.zeros(40)), range=(0.0, 500.0))
    assert estimate({"cost": costly}, 40, seed=0)["cost"].single[2] == pytest.approx(500 * share_interval(0.0, 40)[1])
    few = Figure(mean_of(np.ones(40)), support=np.array([9.0]))
    assert estimate({"recall": few}, 40, seed=0)["recall"].single[1] == pytest.approx(share_interval(1.0, 9)[0])


def test_pictures_of_one_group_count_as_one_draw() -> None:
    values = np.repeat(np.arange(20) % 2, 10)  # ten pictures a group, all right or all wrong
    alone = estimate(figure_of(values), 200, seed=0)["mean"]
    grouped = estimate(figure_of(values), 200, seed=0, groups=np.repeat(np.arange(20), 10))["mean"]
    assert float((grouped.high - grouped.low)[0]) > 2.5 * float((alone.high - alone.low)[0])
