"""What commands print of an evaluation: a few lines of figures with their intervals, and the goals as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainer.measurement.measures import Evaluation, GoalTable, Ranged, Robustness

_SHARES = (("top2", "top-2"), ("top3", "top-3"), ("top5", "top-5"))


def evaluation_lines(evaluation: Evaluation) -> Iterator[str]:
    """Two lines of figures, and one for each further thing that was asked for."""
    shares = [f"{name} {_ranged(evaluation.figures[key])}" for key, name in _SHARES if key in evaluation.figures]
    if "auroc" in evaluation.figures:
        shares.append(f"AUROC {evaluation.figures['auroc'].value:.4f}")
    if shares:
        yield ", ".join(shares)
    found = evaluation.calibration
    line = f"calibration error {found.ece.value:.3f} ({found.ece_by_chance:.3f} by chance)"
    if found.calibrated_ece is not None:
        line += f", {found.calibrated_ece.value:.3f} at temperature {found.temperature:.2f}"
    yield line
    if evaluation.slices is not None and evaluation.slices.worst is not None:
        worst = next(one for one in evaluation.slices.slices if f"{one.column}={one.value}" == evaluation.slices.worst)
        yield f"lowest slice: {evaluation.slices.worst}, {_ranged(worst.accuracy)} of {worst.pictures}"
    yield from _decision_lines(evaluation)
    if evaluation.robustness is not None:
        yield from _robustness_lines(evaluation.robustness)


def goal_lines(goals: GoalTable | None) -> Iterator[str]:
    """Goal, value, verdict; nothing where none were set."""
    if goals is None:
        return
    width = max(len(line.key) for line in goals.lines)
    yield f"goals: {goals.verdict}" + (" (by the interval)" if goals.judged_by == "interval" else "")
    for line in goals.lines:
        value = "-" if line.value is None else f"{line.value:.4g}"
        yield f"    {line.key:{width}}  {line.direction} {line.goal:<8.4g}  {value:>8}  {line.verdict}"


def _decision_lines(evaluation: Evaluation) -> Iterator[str]:
    for point in evaluation.operating_points:
        if point.threshold is None or point.coverage is None:
            yield f"{point.goal}: no threshold known that reaches it"
            continue
        precision = "-" if point.precision is None else f"{point.precision.value:.1%}"
        recall = "-" if point.recall is None else f"{point.recall.value:.1%}"
        yield (
            f"{point.goal}: threshold {point.threshold:.3f} gives precision {precision}, recall {recall}, "
            f"coverage {point.coverage:.1%}"
        )
    costs = evaluation.costs
    if costs is not None:
        least = "" if costs.least_per_1000 is None else f", {costs.least_per_1000.value:.1f} by least expected cost"
        yield f"cost of 1,000 pictures: {costs.per_1000.value:.1f} {costs.currency}{least}"


def _robustness_lines(found: Robustness) -> Iterator[str]:
    yield f"mean corruption accuracy {found.mean:.1%}, of {found.clean:.1%} on {found.pictures} pictures as they are"
    for kind, row in found.grid.items():
        yield f"    {kind:15}" + "".join(f"{value:7.1%}" for value in row)


def _ranged(figure: Ranged) -> str:
    if figure.low is None or figure.high is None:
        return f"{figure.value:.1%}"
    return f"{figure.value:.1%} ({figure.low:.1%} to {figure.high:.1%})"
