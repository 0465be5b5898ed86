"""`[goals]` of `train.toml`: what a model must reach, checked before training and judged by what was measured.

    [goals]
    accuracy = 0.95
    recall.defect = 0.99
    slice.camera.min_accuracy = 0.9
    ece = 0.05                    # at most
    confidence = "interval"       # the unfavourable end of the 95 % interval must reach the goal

A goal nothing was measured for is not met: nobody should have to notice the missing figure. How figures come about is
not known here; they are a mapping by the very keys goals have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, Protocol

from contract.errors import ConfigError
from contract.manifest import Task
from trainer.measurement.measures import Evaluation, GoalLine, GoalTable, Ranged

Direction = Literal["at least", "at most"]
CONFIDENCE = "confidence"
_SHARES: dict[str, Direction] = {
    "accuracy": "at least", "macro_f1": "at least", "top2": "at least", "top3": "at least", "top5": "at least",
    "auroc": "at least", "average_precision": "at least", "robust_accuracy": "at least",
    "ece": "at most", "calibrated_ece": "at most",
}  # fmt: skip
_DETECTION: dict[str, Direction] = {"map": "at least", "map50": "at least"}
_AMOUNTS: dict[str, Direction] = {
    "log_loss": "at most", "brier": "at most", "cost_per_1000": "at most", "size_mb": "at most",
}  # fmt: skip
_BY_CLASS = ("recall", "precision", "f1", "auroc", "average_precision")
_TASKLESS = ("size_mb",)
_LATENCY, _SLICE, _MIN_ACCURACY = "latency_ms", "slice", "min_accuracy"


class Evidence(Protocol):
    """Measured values by goal key; a mapping is one."""

    def get(self, key: str) -> Ranged | None:
        """The figure, or None where it was not measured."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of `[goals]`."""

    key: str
    """Flat: `recall.defect`."""
    value: float
    direction: Direction


@dataclass(frozen=True, slots=True)
class Goals:
    """All of them."""

    goals: tuple[Goal, ...]
    judged_by: Literal["value", "interval"]


@dataclass(frozen=True, slots=True)
class Known:
    """What goals may speak of."""

    task: Task
    labels: Sequence[str]
    columns: Sequence[str] | None
    """To slice by, the built-in ones among them; None where pictures are others than the goals were written for."""
    profiles: Collection[str]
    costs: bool
    """Whether mistakes have prices."""
    robustness: bool
    """Whether pictures made worse are measured."""


def read_goals(written: Mapping[str, Any], known: Known, *, where: str) -> Goals | None:
    """`[goals]` checked against the data; None where it is empty, ConfigError for what nothing could ever meet."""
    flat = dict(_flat(written))
    judged_by = flat.pop(CONFIDENCE, "value")
    if judged_by not in ("value", "interval"):
        raise ConfigError(f"{CONFIDENCE} = {judged_by!r}", where=where, fix='Write "value" or "interval".')
    goals = tuple(_goal(key, value, known, where) for key, value in flat.items())
    return Goals(goals, "interval" if judged_by == "interval" else "value") if goals else None


def latency_profiles(written: Mapping[str, Any]) -> tuple[str, ...]:
    """The profiles that `[goals]` has a latency for."""
    parts = (key.partition(".") for key, _ in _flat(written))
    return tuple(rest for first, _, rest in parts if first == _LATENCY and rest)


def latency_key(profile: str) -> str:
    """The goal for a profile's latency in milliseconds."""
    return f"{_LATENCY}.{profile}"


def judged(goals: Goals, measured: Evidence) -> GoalTable:
    """Each goal against what was measured."""
    lines = tuple(_judged(goal, measured.get(goal.key), goals.judged_by == "interval") for goal in goals.goals)
    met = all(line.verdict == "met" for line in lines)
    return GoalTable(verdict="met" if met else "missed", judged_by=goals.judged_by, lines=lines)


def evidence(evaluation: Evaluation, size_mb: float | None = None) -> dict[str, Ranged]:
    """What an evaluation has measured, by goal key."""
    found = dict(evaluation.figures) | {"ece": evaluation.calibration.ece}
    if evaluation.calibration.calibrated_ece is not None:
        found["calibrated_ece"] = evaluation.calibration.calibrated_ece
    for row in evaluation.per_class:
        for name in _BY_CLASS:
            figure: Ranged | None = getattr(row, name)
            if figure is not None:
                found[f"{name}.{row.label}"] = figure
    found |= _of_slices(evaluation)
    if evaluation.costs is not None:
        found["cost_per_1000"] = evaluation.costs.per_1000
    if evaluation.robustness is not None:
        found["robust_accuracy"] = Ranged(value=evaluation.robustness.mean)
    if size_mb is not None:
        found["size_mb"] = Ranged(value=size_mb)
    return found


def _of_slices(evaluation: Evaluation) -> dict[str, Ranged]:
    """The lowest accuracy of each column; a small slice counts, for leaving it out would hide it."""
    found: dict[str, Ranged] = {}
    for one in evaluation.slices.slices if evaluation.slices else ():
        key = f"{_SLICE}.{one.column}.{_MIN_ACCURACY}"
        if key not in found or one.accuracy.value < found[key].value:
            found[key] = one.accuracy
    return found


def _judged(goal: Goal, figure: Ranged | None, by_interval: bool) -> GoalLine:
    if figure is None:
        return GoalLine(key=goal.key, goal=goal.value, direction=goal.direction, value=None, verdict="not measured")
    higher = goal.direction == "at least"
    end = figure.low if higher else figure.high
    value = end if by_interval and end is not None else figure.value
    met = value >= goal.value if higher else value <= goal.value
    return GoalLine(
        key=goal.key,
        goal=goal.value,
        direction=goal.direction,
        value=figure.value,
        low=figure.low,
        high=figure.high,
        verdict="met" if met else "missed",
    )


def _flat(written: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """`recall.dog = 0.9` is a table to TOML and `"recall.dog" = 0.9` is not: one key for both."""
    for key, value in written.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _goal(key: str, value: Any, known: Known, where: str) -> Goal:
    direction, share = _kind(key, known, where)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"goals: {key} = {value!r} is not a number", where=where, fix="Write a number.")
    lowest_met = 0.0 if direction == "at least" else None
    if share and not 0.0 <= value <= 1.0:
        raise ConfigError(
            f"goals: {key} = {value} can never be met or missed", where=where, fix="Write a share from 0 to 1."
        )
    if not share and not 0.0 < value < float("inf"):
        raise ConfigError(f"goals: {key} = {value} can never be met", where=where, fix="Write a number above 0.")
    if value == lowest_met:
        raise ConfigError(
            f"goals: {key} = {value} is met by any model", where=where, fix="Aim higher, or take it away."
        )
    return Goal(key, float(value), direction)


def _kind(key: str, known: Known, where: str) -> tuple[Direction, bool]:
    """Which way a goal points and whether it is a share; ConfigError where there is no such goal here."""
    first, _, rest = key.partition(".")
    if first == _LATENCY and rest:
        _one_of(rest, known.profiles, f"goals: {key} names no profile", where, "Profiles")
        return "at most", False
    if first == _SLICE and rest.endswith(f".{_MIN_ACCURACY}"):
        column = rest.removesuffix(f".{_MIN_ACCURACY}")
        if known.columns is not None:
            _one_of(column, known.columns, f"goals: {key} names no column of this data", where, "Columns")
        return _for("classify", "at least", key, known, where), True
    if first in _BY_CLASS and rest:
        _one_of(rest, known.labels, f"goals: {key} names no class of this data", where, "Classes")
        return _for("classify", "at least", key, known, where), True
    if key in _DETECTION:
        return _for("detect", _DETECTION[key], key, known, where), True
    if key in _SHARES or key in _AMOUNTS:
        return _whole(key, known, where), key in _SHARES
    near = get_close_matches(key, (*_SHARES, *_DETECTION, *_AMOUNTS), 1)
    fix = f"Did you mean {near[0]}?" if near else f"There are: {', '.join((*_SHARES, *_DETECTION, *_AMOUNTS))}."
    raise ConfigError(f"goals: nothing is called {key!r}", where=where, fix=fix)


def _whole(key: str, known: Known, where: str) -> Direction:
    """A goal for one figure of the whole test split, if that figure will exist."""
    if key.startswith("top") and int(key[3:]) >= len(known.labels):
        raise ConfigError(
            f"goals: {key} of {len(known.labels)} classes is met by any model", where=where, fix="Take it away."
        )
    if key == "cost_per_1000" and not known.costs:
        raise ConfigError("goals: cost_per_1000 without prices", where=where, fix="Add [evaluation.costs].")
    if key == "robust_accuracy" and not known.robustness:
        raise ConfigError(
            "goals: robust_accuracy is not measured", where=where, fix="Add robustness = true to [evaluation]."
        )
    direction = {**_SHARES, **_AMOUNTS}[key]
    return direction if key in _TASKLESS else _for("classify", direction, key, known, where)


def _for(task: Task, direction: Direction, key: str, known: Known, where: str) -> Direction:
    if known.task != task:
        raise ConfigError(
            f"goals: {key} is a goal for task {task!r}, and this one is {known.task!r}",
            where=where,
            fix="Take it away.",
        )
    return direction


def _one_of(name: str, names: Collection[str], what: str, where: str, kind: str) -> None:
    if name not in names:
        raise ConfigError(what, where=where, fix=f"{kind}: {', '.join(list(names)[:12])}.")
