"""Everything an evaluation says, from one pass of scores: figures, calibration, slices, thresholds, costs, goals.

Each figure is computed from weighted pictures (`weighted.py`), so that its value and its interval come of one formula;
tests hold the values against scikit-learn's. The validation split gives temperature and thresholds and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from trainer.data.dataset import Pictures
from trainer.data.origin import Listed
from trainer.measurement import calibration as calibrating
from trainer.measurement.bootstrap import FEWEST, Estimates, Figure, Statistic, estimate
from trainer.measurement.costs import Prices, cheapest_answers, costs_of
from trainer.measurement.evaluation_plan import Plan
from trainer.measurement.goals import Evidence, evidence, judged
from trainer.measurement.measures import (
    Calibration,
    ClassMeasures,
    CostTable,
    Evaluation,
    OperatingPoint,
    Ranged,
    Robustness,
)
from trainer.measurement.slices import Answered, sliced
from trainer.measurement.thresholds import operating_point
from trainer.measurement.weighted import (
    Counts,
    Labels,
    Values,
    auroc,
    average_precision,
    calibration_gap,
    mean_of,
    mean_over_classes,
)

TOP = (2, 3, 5)
_WORK = 100_000_000
"""Pictures times classes times resamples above which fewer resamples must do; takes some 8 s of one core."""
_LARGEST = float("inf")


@dataclass(frozen=True, slots=True)
class Scored:
    """Pictures with the scores a model gave them."""

    pictures: Pictures
    """Labels in the model's numbering."""
    scores: NDArray[np.float32]
    """(N, classes) in 0..1."""
    answers: Labels
    """(N,); outside the classes where the model gave none."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about a model and the pictures beside the scores."""

    labels: Sequence[str]
    seed: int
    listed: Mapping[str, Listed] = field(default_factory=dict)
    validation: Scored | None = None
    """Never measured: it gives temperature and thresholds."""
    before: Evaluation | None = None
    """The model's own evaluation, whose temperature and thresholds are taken where there is no validation split."""
    robust: Robustness | None = None
    size_mb: float | None = None
    further: Mapping[str, Ranged] = field(default_factory=dict)
    """What else goals may ask for, by their keys."""


def appraise(test: Scored, plan: Plan, about: Circumstances) -> Evaluation:
    """Measure `test`."""
    truth, shares = test.pictures.labels, calibrating.probabilities(test.scores)
    temperature, fitted_on = _temperature(about)
    calibrated = None if temperature is None else calibrating.scaled(shares, temperature)
    groups = _groups(test.pictures, about.listed)
    resamples = plan.settings.resamples
    if len(truth) * len(about.labels) * resamples > _WORK:
        resamples = min(resamples, FEWEST)
    figures = {
        **_whole(test),
        **_by_class(test, shares),
        **_calibration_figures("", shares, truth),
        **(_calibration_figures("calibrated_", calibrated, truth) if calibrated is not None else {}),
        **_cost_figures(plan.prices, test, calibrated),
    }
    found = estimate(figures, len(truth), seed=about.seed, resamples=resamples, groups=groups)
    single = {name: ranged for name in _reported(test) if (ranged := _ranged(found[name], -1)) is not None}
    evaluation = Evaluation(
        pictures=len(truth),
        resamples=resamples,
        seed=about.seed,
        groups=None if groups is None else len(np.unique(groups)),
        figures=single,
        per_class=_classes(found, truth, about.labels),
        calibration=_calibration(found, shares, calibrated, truth, about, temperature, fitted_on),
        slices=sliced(test.pictures, about.listed, _answered(test, shares), plan.settings.slices),
        operating_points=_points(plan, about, temperature, (shares if calibrated is None else calibrated, truth)),
        costs=_costs(plan.prices, found, test, calibrated),
        robustness=about.robust,
    )
    return judge(evaluation, plan, {**evidence(evaluation, about.size_mb), **about.further})


def judge(evaluation: Evaluation, plan: Plan, measured: Evidence) -> Evaluation:
    """`evaluation` with its goals judged by `measured`, which may know more than this evaluation does."""
    return evaluation if plan.goals is None else replace(evaluation, goals=judged(plan.goals, measured))


def _reported(test: Scored) -> tuple[str, ...]:
    tops = tuple(f"top{k}" for k in TOP if k < test.scores.shape[1])
    return ("accuracy", *tops, "macro_f1", "auroc", "average_precision", "log_loss", "brier")


def _whole(test: Scored) -> dict[str, Figure]:
    """Figures that are one number."""
    truth, classes = test.pictures.labels, test.scores.shape[1]
    counts = Counts(truth, test.answers, classes)
    places = _places(test.scores, truth)
    tops = {f"top{k}": Figure(mean_of((places < k).astype(np.float64))) for k in TOP if k < classes}
    return {
        "accuracy": Figure(mean_of((test.answers == truth).astype(np.float64))),
        **tops,
        "macro_f1": Figure(counts.macro_f1),
    }


def _by_class(test: Scored, shares: Values) -> dict[str, Figure]:
    """Figures with one number a class; areas have their mean over the classes behind them."""
    truth = test.pictures.labels
    counts = Counts(truth, test.answers, test.scores.shape[1])
    with_all = np.append(counts.pictures, len(truth))
    return {
        "precision_by_class": Figure(counts.precision, support=counts.answered),
        "recall_by_class": Figure(counts.recall, support=counts.pictures),
        "f1_by_class": Figure(counts.f1, support=counts.pictures),
        "auroc": Figure(_and_mean(auroc(truth, shares)), support=with_all),
        "average_precision": Figure(_and_mean(average_precision(truth, shares)), support=with_all),
    }


def _calibration_figures(prefix: str, shares: Values, truth: Labels) -> dict[str, Figure]:
    sureness, right = shares.max(axis=1), (shares.argmax(axis=1) == truth).astype(np.float64)
    likelihood = -np.log(shares[np.arange(len(truth)), truth])
    distance = ((shares - (truth[:, None] == np.arange(shares.shape[1]))) ** 2).sum(axis=1)
    gap = calibration_gap(calibrating.bins_of(sureness), sureness, right)
    return {
        f"{prefix}log_loss": Figure(mean_of(likelihood), range=(0.0, _LARGEST)),
        f"{prefix}brier": Figure(mean_of(distance), range=(0.0, 2.0)),
        f"{prefix}ece": Figure(gap, skewed=True),
    }


def _cost_figures(prices: Prices | None, test: Scored, calibrated: Values | None) -> dict[str, Figure]:
    if prices is None:
        return {}
    truth = test.pictures.labels
    first = 1000.0 * costs_of(prices, truth, test.answers)
    span = (0.0, 1000.0 * max(float(prices.matrix.max()), prices.default))
    figures = {"cost": Figure(mean_of(first), range=span)}
    if calibrated is not None:
        least = 1000.0 * costs_of(prices, truth, cheapest_answers(prices, calibrated))
        figures["least_cost"] = Figure(mean_of(least), range=span)
        figures["saved"] = Figure(mean_of(first - least), range=(-_LARGEST, _LARGEST))
    return figures


def _places(scores: NDArray[np.float32], truth: Labels) -> Labels:
    """How many classes (N,) come before the true one; equal scores in the order of the labels."""
    own = scores[np.arange(len(truth)), truth][:, None]
    earlier = np.arange(scores.shape[1])[None, :] < truth[:, None]
    places: Labels = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)
    return places


def _and_mean(statistic: Statistic) -> Statistic:
    def of(weights: Values) -> Values:
        values = statistic(weights)
        return np.concatenate([values, mean_over_classes(values)[:, None]], axis=1)

    return of


def _ranged(found: Estimates, place: int) -> Ranged | None:
    value, low, high = (float(ends[place]) for ends in (found.values, found.low, found.high))
    return Ranged(value=value, low=low, high=high) if np.isfinite((value, low, high)).all() else None


def _needed(found: Estimates) -> Ranged:
    value, low, high = found.single
    return Ranged(value=value, low=low, high=high)


def _classes(found: Mapping[str, Estimates], truth: Labels, labels: Sequence[str]) -> tuple[ClassMeasures, ...]:
    pictures = np.bincount(truth, minlength=len(labels))
    return tuple(
        ClassMeasures(
            label=label,
            pictures=int(pictures[i]),
            precision=_ranged(found["precision_by_class"], i),
            recall=_ranged(found["recall_by_class"], i),
            f1=_ranged(found["f1_by_class"], i),
            auroc=_ranged(found["auroc"], i),
            average_precision=_ranged(found["average_precision"], i),
        )
        for i, label in enumerate(labels)
    )


def _temperature(about: Circumstances) -> tuple[float | None, int]:
    """The run's own, or one fitted on the validation split."""
    if about.before is not None and about.before.calibration.temperature is not None:
        return about.before.calibration.temperature, about.before.calibration.fitted_on
    if about.validation is None or not len(about.validation.pictures):
        return None, 0
    shares = calibrating.probabilities(about.validation.scores)
    truth = about.validation.pictures.labels
    return calibrating.fit_temperature(shares, truth), len(truth)


def _calibration(
    found: Mapping[str, Estimates],
    shares: Values,
    calibrated: Values | None,
    truth: Labels,
    about: Circumstances,
    temperature: float | None,
    fitted_on: int,
) -> Calibration:
    right = (shares.argmax(axis=1) == truth).astype(np.float64)
    sureness = shares.max(axis=1)
    bins = calibrating.bins_of(sureness)
    chance = calibrating.gap_by_chance(bins, sureness, seed=about.seed)
    before = Calibration(
        ece=chance.widened(_needed(found["ece"])),
        ece_by_chance=chance.mean,
        bins=calibrating.described(bins, sureness, right),
    )
    if calibrated is None:
        return before
    sureness = calibrated.max(axis=1)
    bins = calibrating.bins_of(sureness)
    chance = calibrating.gap_by_chance(bins, sureness, seed=about.seed)
    return replace(
        before,
        temperature=temperature,
        fitted_on=fitted_on,
        calibrated_ece=chance.widened(_needed(found["calibrated_ece"])),
        calibrated_ece_by_chance=chance.mean,
        calibrated_log_loss=_needed(found["calibrated_log_loss"]),
        calibrated_brier=_needed(found["calibrated_brier"]),
        calibrated_bins=calibrating.described(bins, sureness, right),
    )


def _points(
    plan: Plan, about: Circumstances, temperature: float | None, test: tuple[Values, Labels]
) -> tuple[OperatingPoint, ...]:
    validation = None
    if about.validation is not None:
        shares = calibrating.probabilities(about.validation.scores)
        shares = shares if temperature is None else calibrating.scaled(shares, temperature)
        validation = (shares, about.validation.pictures.labels)
    known = {point.goal: point for point in about.before.operating_points} if about.before else {}
    return tuple(operating_point(wish, validation, test, known.get(wish.text)) for wish in plan.wishes)


def _costs(
    prices: Prices | None, found: Mapping[str, Estimates], test: Scored, calibrated: Values | None
) -> CostTable | None:
    if prices is None:
        return None
    table = CostTable(currency=prices.currency, per_1000=_needed(found["cost"]))
    if calibrated is None:
        return table
    least = cheapest_answers(prices, calibrated)
    return replace(
        table,
        least_per_1000=_needed(found["least_cost"]),
        saved_per_1000=_needed(found["saved"]),
        changed=float(np.mean(least != test.answers)),
        least_accuracy=float(np.mean(least == test.pictures.labels)),
    )


def _answered(test: Scored, shares: Values) -> Answered:
    return Answered(test.pictures.labels, test.answers, shares.max(axis=1))


def _groups(pictures: Pictures, listed: Mapping[str, Listed]) -> NDArray[np.int64] | None:
    """Group numbers (N,), a picture of no group alone in its own; None where there is not one group."""
    names = [listed[name].group if name in listed else None for name in pictures.names]
    if not any(names):
        return None
    keys = [f"group {group}" if group else f"alone {number}" for number, group in enumerate(names)]
    return np.unique(np.array(keys), return_inverse=True)[1].reshape(-1).astype(np.int64)
