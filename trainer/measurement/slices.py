"""Accuracy where it is lowest: the same figures for pictures that have one thing in common.

Columns come with the data (camera, site, day …); brightness and size are measured from the pictures themselves, and the
split a folder gave is one too. A mean over everything hides a camera that fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from contract.errors import ConfigError
from trainer.data.dataset import Pictures
from trainer.data.origin import Listed
from trainer.measurement.measures import Slice, Slices, ranged_share
from trainer.measurement.weighted import Labels, Values

BRIGHTNESS, SIZE, SPLIT = "brightness", "size", "split"
BUILT_IN = (BRIGHTNESS, SIZE, SPLIT)
SMALL = 20
"""Pictures below which a slice is marked: its interval is some 40 points wide."""
_MOST_VALUES = 20
"""A column with more is a name or a number, not a kind of picture."""
_MISSING = "(nothing written)"
_THIRDS = {BRIGHTNESS: ("dark", "middle", "bright"), SIZE: ("small", "middle", "large")}


@dataclass(frozen=True, slots=True)
class Answered:
    """What slices are made of, picture by picture (N,)."""

    truth: Labels
    answers: Labels
    sureness: Values


def columns_of(listed: Sequence[Listed]) -> tuple[str, ...]:
    """Every column written about any of the pictures, in the order they first come."""
    return tuple(dict.fromkeys(column for picture in listed for column in picture.columns))


def check_columns(wanted: Sequence[str], columns: Sequence[str], *, where: str) -> None:
    """ConfigError for a column nothing is written in."""
    unknown = [column for column in wanted if column not in (*columns, *BUILT_IN)]
    if unknown:
        raise ConfigError(
            f"the data has no column {unknown[0]!r} to slice by",
            where=where,
            fix=f"There are: {', '.join((*columns[:10], *BUILT_IN))}.",
        )


def sliced(pictures: Pictures, listed: Mapping[str, Listed], answered: Answered, wanted: Sequence[str]) -> Slices:
    """Slices by the `wanted` columns, or by every column that has 2 to 20 values; `listed` is by picture name."""
    written = [listed[name] for name in pictures.names if name in listed]
    columns = tuple(wanted) or (*columns_of(written), *(name for name in BUILT_IN if name not in columns_of(written)))
    found: list[Slice] = []
    left_out: list[str] = []
    for column in columns:
        values = _values(column, pictures, listed)
        different = len(set(values))
        if not wanted and not 2 <= different <= _MOST_VALUES:
            left_out.extend([column] if values and column not in BUILT_IN else [])
            continue
        found.extend(_slice(column, value, values, answered) for value in _in_order(column, values))
    judged = [one for one in found if not one.small]
    worst = min(judged, key=lambda one: one.accuracy.value, default=None)
    return Slices(
        slices=tuple(found), worst=f"{worst.column}={worst.value}" if worst else None, left_out=tuple(left_out)
    )


def _slice(column: str, value: str, values: Sequence[str], answered: Answered) -> Slice:
    chosen = np.array([one == value for one in values], np.bool_)
    truth, answers = answered.truth[chosen], answered.answers[chosen]
    return Slice(
        column=column,
        value=value,
        pictures=len(truth),
        accuracy=ranged_share(int((truth == answers).sum()), len(truth)),
        macro_f1=float(f1_score(truth, answers, labels=np.unique(truth), average="macro", zero_division=0.0)),
        sureness=float(min(1.0, answered.sureness[chosen].mean())),
        small=len(truth) < SMALL,
    )


def _values(column: str, pictures: Pictures, listed: Mapping[str, Listed]) -> list[str]:
    """The value of each picture; the data's own column comes before a built-in one of its name."""
    own = [listed[name].columns.get(column) if name in listed else None for name in pictures.names]
    if any(value is not None for value in own):
        return [value or _MISSING for value in own]
    if column == BRIGHTNESS:
        return _thirds(BRIGHTNESS, pictures.frames.reshape(len(pictures), -1).mean(axis=1) / 255.0, "{:.0%}")
    if column == SIZE:
        pixels = np.array([width * height for width, height in pictures.sizes_wh], np.float64)
        return _thirds(SIZE, np.sqrt(pixels), "{:.0f} px")
    if column == SPLIT:
        return [(listed[name].split if name in listed else None) or _MISSING for name in pictures.names]
    return []


def _thirds(column: str, measured: NDArray[np.float64], written: str) -> list[str]:
    """Named thirds with their limits; nothing where there are not three different ones."""
    if len(np.unique(measured)) < 3:
        return []
    low, high = (float(edge) for edge in np.quantile(measured, (1 / 3, 2 / 3)))
    names, edges = _THIRDS[column], (written.format(low), written.format(high))
    full = (f"{names[0]}: up to {edges[0]}", f"{names[1]}: to {edges[1]}", f"{names[2]}: above")
    return [full[int(value > low) + int(value > high)] for value in measured]


def _in_order(column: str, values: Sequence[str]) -> list[str]:
    """Thirds from low to high, other values by how many pictures have them."""
    counted = Counter(values)
    if column in _THIRDS and all(value.split(":")[0] in _THIRDS[column] for value in counted):
        return sorted(counted, key=lambda value: _THIRDS[column].index(value.split(":")[0]))
    return sorted(counted, key=lambda value: (-counted[value], value))
