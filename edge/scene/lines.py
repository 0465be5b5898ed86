"""Who crosses a line, and which way. Pure."""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct

from contract.scene import Line, Point

Direction = Literal["in", "out"]


class Crossing(Struct, frozen=True):
    """One thing that has crossed."""

    direction: Direction
    count: int
    """How many went this way so far."""


class _Path(Struct):
    """How one thing has moved about the line."""

    at: Point
    right: float
    """Distance to the right of the line through both points; negative to its left."""
    settled: int = 0
    """The side it was last clear of the margin on: 1 right, -1 left, 0 not yet."""
    passed: bool = False
    """Whether its last change of sides went between the two points, and not around an end."""


class LineWatch:
    """One line, and the things that moved about it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.counts: dict[Direction, int] = {"in": 0, "out": 0}
        self._paths: dict[int, _Path] = {}
        (self._x, self._y), (end_x, end_y) = line.begin, line.end
        self._dx, self._dy = end_x - self._x, end_y - self._y
        self._length = math.hypot(self._dx, self._dy)

    def sighted(self, track: int, label: str, anchor: Point) -> Crossing | None:
        """What it means that `track` moved straight to `anchor`: a crossing once it is clear of the margin."""
        if self.line.labels and label not in self.line.labels:
            return None
        right = self._right_of(anchor)
        path = self._paths.get(track)
        if path is None:
            path = self._paths[track] = _Path(anchor, right)
        if (path.right >= 0) != (right >= 0):
            path.passed = 0 <= self._along(path, anchor, right) <= 1
        path.at, path.right = anchor, right
        return self._settle(path)

    def gone(self, track: int) -> None:
        """`track` has left the view."""
        self._paths.pop(track, None)

    def _settle(self, path: _Path) -> Crossing | None:
        if abs(path.right) <= self.line.margin:
            return None
        side = 1 if path.right > 0 else -1
        before, path.settled = path.settled, side
        if before in (0, side) or not path.passed:
            return None
        direction: Direction = "in" if side == 1 else "out"
        self.counts[direction] += 1
        return Crossing(direction, self.counts[direction])

    def _right_of(self, point: Point) -> float:
        # y grows downwards, so this cross product is positive to the right of someone looking along the line.
        return (self._dx * (point[1] - self._y) - self._dy * (point[0] - self._x)) / self._length

    def _along(self, path: _Path, anchor: Point, right: float) -> float:
        """Where the step to `anchor` meets the line: 0 at its first point, 1 at its second."""
        share = path.right / (path.right - right)
        x = path.at[0] + (anchor[0] - path.at[0]) * share
        y = path.at[1] + (anchor[1] - path.at[1]) * share
        return ((x - self._x) * self._dx + (y - self._y) * self._dy) / self._length**2
