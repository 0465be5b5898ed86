"""The part of a model card that says how sure its figures are, where the model is weak, and what was asked of it."""

from __future__ import annotations

from collections.abc import Iterator

from trainer.measurement.measures import Evaluation, Ranged, Robustness

_NAMES = {
    "macro_f1": "Macro-F1", "auroc": "AUROC (mean over classes, one against the rest)",
    "average_precision": "Average precision (mean over classes)", "top2": "Top-2", "top3": "Top-3", "top5": "Top-5",
    "log_loss": "Log loss", "brier": "Brier score (0 to 2)",
}  # fmt: skip


def evaluation_card(evaluation: Evaluation) -> Iterator[str]:
    """Lines of Markdown."""
    for key, name in _NAMES.items():
        if key in evaluation.figures:
            yield f"- {name} {_ranged(evaluation.figures[key])}"
    found = evaluation.calibration
    yield f"- Calibration error (ECE, {len(found.bins)} bins) {_ranged(found.ece)}; {found.ece_by_chance:.4f} by chance"
    if found.calibrated_ece is not None:
        yield f"- At temperature {found.temperature:.3f}: {_ranged(found.calibrated_ece)}"
    yield f"- Intervals: 95 %, {evaluation.resamples} bootstrap resamples, seed {evaluation.seed}"
    yield from _weaknesses(evaluation)
    yield from _goals(evaluation)


def _weaknesses(evaluation: Evaluation) -> Iterator[str]:
    slices = evaluation.slices
    if slices is not None and slices.worst is not None:
        worst = next(one for one in slices.slices if f"{one.column}={one.value}" == slices.worst)
        yield f"- Lowest slice: {slices.worst}, accuracy {_ranged(worst.accuracy)}, {worst.pictures} pictures"
    for point in evaluation.operating_points:
        if point.threshold is not None and point.coverage is not None:
            yield f"- Threshold for {point.goal}: {point.threshold:.4f}, coverage {point.coverage:.1%}"
    if evaluation.costs is not None:
        yield f"- Cost of 1,000 pictures: {_ranged(evaluation.costs.per_1000)} {evaluation.costs.currency}".rstrip()
    if evaluation.robustness is not None:
        yield _robustness(evaluation.robustness)


def _robustness(found: Robustness) -> str:
    worst = found.worst.replace("_", " ")
    return (
        f"- On pictures made worse: mean corruption accuracy {found.mean:.1%} ({found.clean:.1%} clean), worst {worst}"
    )


def _goals(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.goals is not None:
        yield f"- Goals: {evaluation.goals.verdict}"
        for line in evaluation.goals.lines:
            value = "" if line.value is None else f" with {line.value:.4g}"
            yield f"    - {line.key} {line.direction} {line.goal:.4g}: {line.verdict}{value}"


def _ranged(figure: Ranged) -> str:
    if figure.low is None or figure.high is None:
        return f"{figure.value:.4f}"
    return f"{figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})"
