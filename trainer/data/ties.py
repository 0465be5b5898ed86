"""What keeps pictures together when splits are made: one group, one time, or being near copies.

A model that has seen a person, a camera or a second before knows them again; measured on another picture of the same,
it looks better than it is. What a person, a camera or a time is, only the data can say: `Listed.group`, a column, or
`pictures.csv`. Near copies are found in the pixels.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from contract.errors import DataError
from trainer.data.fingerprint import Look, Pairs, near_copies
from trainer.data.origin import Listed
from trainer.settings import DataSettings

_NAMED = 5


def _no_pairs() -> Pairs:
    return np.empty((0, 2), np.int64)


@dataclass(frozen=True, slots=True)
class Ties:
    """Of N pictures, index by index."""

    groups: Sequence[str | None] = ()
    """Pictures of one group stay together; empty where nothing is known of groups."""
    times: Sequence[float] = ()
    """Seconds since 1970; empty unless splits go by time."""
    near: Pairs = field(default_factory=_no_pairs)
    """(P, 2) near copies."""

    def units(self, digests: Sequence[str], members: NDArray[np.int64]) -> list[list[int]]:
        """`members` in units that stay together, each ascending, in the order of their smallest digests."""
        together = _Together(len(digests))
        for keys in (digests, self.groups, self.times):
            first: dict[object, int] = {}
            for index in members.tolist():
                key = keys[index] if keys else None
                if key is not None:
                    together.join(first.setdefault(key, index), index)
        inside = np.zeros(len(digests), bool)
        inside[members] = True
        for i, j in self.near[inside[self.near].all(axis=1)].tolist():
            together.join(i, j)
        units: dict[int, list[int]] = defaultdict(list)
        for index in members.tolist():
            units[together.root(index)].append(index)
        return sorted(units.values(), key=lambda unit: min(digests[index] for index in unit))

    def tied(self, digests: Sequence[str]) -> int:
        """How many pictures may not be parted from a different one."""
        units = self.units(digests, np.arange(len(digests)))
        return sum(len(unit) for unit in units if len({digests[index] for index in unit}) > 1)


class _Together:
    """Disjoint sets of indices (R. Tarjan, 1975), paths halved on the way."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, index: int) -> int:
        """The one that stands for all joined with `index`."""
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index

    def join(self, one: int, other: int) -> None:
        """From now on both have one root."""
        self._parent[self.root(other)] = self.root(one)


def ties_of(listed: Sequence[Listed], looks: Sequence[Look], settings: DataSettings, *, where: str) -> Ties:
    """What keeps `listed` together; `looks` are theirs, or none to ignore near copies.

    Nothing where both validation and test pictures are given, for then no split is made. DataError where splits shall
    go by group or time and pictures have none.
    """
    if {"validation", "test"} <= {picture.split for picture in listed}:
        return Ties()
    groups = [_told(picture, settings.group_by) for picture in listed]
    if settings.split_by == "group" and not any(groups):
        raise DataError(
            f"no picture has a {settings.group_by}", where=where, fix=f"Give them one: {_columns_there(listed)}"
        )
    times = _times(listed, settings.time, where) if settings.split_by == "time" else ()
    near = near_copies(looks) if looks and settings.near_duplicates == "together" else _no_pairs()
    return Ties(groups if any(groups) else (), times, near)


def _told(picture: Listed, column: str) -> str | None:
    return (picture.group if column == "group" else None) or picture.columns.get(column) or None


def _columns_there(listed: Sequence[Listed]) -> str:
    columns = sorted({column for picture in listed for column in picture.columns})
    return f"the columns are {', '.join(columns)}." if columns else "a column of the CSV, or of a pictures.csv."


def _times(listed: Sequence[Listed], column: str, where: str) -> list[float]:
    without = [picture.name for picture in listed if not picture.columns.get(column)]
    if without:
        more = f" and {len(without) - _NAMED} more" if len(without) > _NAMED else ""
        raise DataError(
            f"{len(without)} of {len(listed)} pictures have no {column}: {', '.join(without[:_NAMED])}{more}",
            where=where,
            fix=f"Give every picture one: {_columns_there(listed)}",
        )
    return [_seconds(picture.columns[column], f"{where}, {column} of {picture.name}") for picture in listed]


def _seconds(written: str, where: str) -> float:
    """ISO 8601, in UTC unless it says otherwise, or seconds since 1970."""
    try:
        seconds = float(written)
        if math.isfinite(seconds):
            return seconds
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(written.replace("Z", "+00:00").replace("z", "+00:00"))
        return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError) as problem:
        raise DataError(
            f"{written!r} is no time", where=where, fix="Write 2026-05-04T13:45:00, or seconds since 1970."
        ) from problem
