"""Who is in a zone: point in polygon, with inertia at its edge. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from contract.scene import Point, Polygon, Zone

_ON_THE_EDGE = 1e-12
"""Of a cross product of fractions: what rounding leaves of nothing."""


def contains(polygon: Polygon, point: Point) -> bool:
    """Whether `point` is inside by the even-odd rule; a point on an edge or a corner is inside."""
    x, y = point
    inside = False
    ax, ay = polygon[-1]
    for bx, by in polygon:
        turn = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        between = min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by)
        if between and abs(turn) <= _ON_THE_EDGE:
            return True
        # An edge counts with its upper end and without its lower one, so that a corner is passed once.
        if (ay > y) != (by > y) and (turn > 0) == (by > ay):
            inside = not inside
        ax, ay = bx, by
    return inside


class Happened(Struct, frozen=True):
    """One change of one thing in one zone."""

    kind: Literal["entered-zone", "left-zone", "dwelled"]
    seconds: float | None
    """Inside, for `left-zone` and `dwelled`."""
    count: int
    """Inside now."""


class _Visit(Struct):
    """One thing's standing in the zone."""

    inside: bool = False
    turned: int = 0
    """Answers in a row that contradict `inside`."""
    turned_s: float = 0.0
    """When the first of them was."""
    since_s: float = 0.0
    dwelled: bool = False


class ZoneWatch:
    """One zone, and the things that are or were near it."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self._visits: dict[int, _Visit] = {}
        self._count = 0

    def sighted(self, track: int, label: str, anchor: Point, at_s: float) -> tuple[Happened, ...]:
        """What it means that `track` stands at `anchor` at `at_s`.

        Someone is in, or out again, from the first of `inertia_frames` sightings in a row on; it is said at the last.
        """
        if self.zone.labels and label not in self.zone.labels:
            return ()
        visit = self._visits.setdefault(track, _Visit())
        happened = self._turned(visit, contains(self.zone.polygon, anchor), at_s)
        if visit.inside and not visit.dwelled and self.zone.dwell_s is not None:
            stayed_s = at_s - visit.since_s
            if stayed_s >= self.zone.dwell_s:
                visit.dwelled = True
                happened += (Happened("dwelled", stayed_s, self._count),)
        return happened

    def gone(self, track: int, last_s: float) -> tuple[Happened, ...]:
        """`track` has left the view, where it was last seen at `last_s`."""
        visit = self._visits.pop(track, None)
        if visit is None or not visit.inside:
            return ()
        self._count -= 1
        return (Happened("left-zone", last_s - visit.since_s, self._count),)

    def _turned(self, visit: _Visit, inside: bool, at_s: float) -> tuple[Happened, ...]:
        if inside == visit.inside:
            visit.turned = 0
            return ()
        if visit.turned == 0:
            visit.turned_s = at_s
        visit.turned += 1
        if visit.turned < self.zone.inertia_frames:
            return ()
        visit.inside, visit.turned = inside, 0
        if inside:
            visit.since_s, visit.dwelled = visit.turned_s, False
            self._count += 1
            return (Happened("entered-zone", None, self._count),)
        self._count -= 1
        return (Happened("left-zone", visit.turned_s - visit.since_s, self._count),)
