"""`[evaluation]` and `[goals]` checked against the very data: what an evaluation will measure and judge by.

Made before training as well, so that a goal nobody can meet or a class nobody knows costs a second and not an hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract.errors import ConfigError
from contract.manifest import Task
from devices.profiles import profile_names
from trainer.data.origin import Listed
from trainer.measurement.corruptions import SMALLEST_PX
from trainer.measurement.costs import Prices, prices
from trainer.measurement.evaluation_settings import EvaluationSettings
from trainer.measurement.goals import Goals, Known, read_goals
from trainer.measurement.slices import BUILT_IN, check_columns, columns_of
from trainer.measurement.thresholds import Wish, wishes


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured."""

    settings: EvaluationSettings
    wishes: tuple[Wish, ...] = ()
    prices: Prices | None = None
    goals: Goals | None = None


def make_plan(
    settings: EvaluationSettings,
    goals: Mapping[str, Any],
    *,
    task: Task,
    labels: Sequence[str],
    listed: Iterable[Listed],
    where: str = "train.toml",
    other_pictures: bool = False,
    size_wh: tuple[int, int] | None = None,
) -> Plan:
    """The plan for data with these labels and columns; ConfigError names what it cannot be asked for.

    `size_wh` is of the model's input. With `other_pictures` than the goals were written for, a column may be absent:
    its goal is then not measured.
    """
    if settings.robustness and size_wh is not None and min(size_wh) < SMALLEST_PX:
        raise ConfigError(
            f"pictures of {size_wh[0]}x{size_wh[1]} pixels are too small to be made worse",
            where=where,
            fix=f"Take robustness away, or use at least {SMALLEST_PX} pixels each way.",
        )
    columns = columns_of(tuple(listed))
    check_columns(settings.slices, columns, where=where)
    costs = prices(settings.costs, labels, where=where)
    known = Known(
        task=task,
        labels=labels,
        columns=None if other_pictures else (*columns, *BUILT_IN),
        profiles=profile_names(),
        costs=costs is not None,
        robustness=settings.robustness,
    )
    return Plan(
        settings=settings,
        wishes=wishes(settings.threshold_for, labels, where=where),
        prices=costs,
        goals=read_goals(goals, known, where=where),
    )
