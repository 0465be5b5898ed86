"""Where the labels of a chart's points stand, so that none covers another, a point or its bar.

Each point in turn tries places around it, the near ones first, and takes the first that is free: enough for the tens of
artifacts a conversion has, and the same for the same points.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

_NEAREST, _STEP, _RINGS = 9.0, 13.0, 14
_DIRECTIONS = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1))


class Box(NamedTuple):
    """A rectangle in the chart's units, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether they share more than an edge."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def holds(self, other: Box) -> bool:
        """Whether all of `other` is inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


def place_labels(
    points: Sequence[tuple[float, float]], sizes_wh: Sequence[tuple[float, float]], frame: Box, taken: Sequence[Box]
) -> list[Box | None]:
    """A free box of its size for each point's label, inside `frame` and clear of `taken`; None where there is none."""
    occupied = list(taken)
    found: list[Box | None] = []
    for point, size_wh in zip(points, sizes_wh, strict=True):
        free = (box for box in _around(point, size_wh) if frame.holds(box) and not any(map(box.meets, occupied)))
        box = next(free, None)
        found.append(box)
        if box is not None:
            occupied.append(box)
    return found


def _around(point: tuple[float, float], size_wh: tuple[float, float]) -> Iterator[Box]:
    (x, y), (width, height) = point, size_wh
    for ring in range(_RINGS):
        gap = _NEAREST + _STEP * ring
        for across, down in _DIRECTIONS:
            left = x + across * gap - width * (1 - across) / 2
            top = y + down * gap - height * (1 - down) / 2
            yield Box(left, top, left + width, top + height)
