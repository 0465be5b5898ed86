from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.scene import Point, Zone
from edge.opencv import cv2
from edge.scene.zones import ZoneWatch, contains

SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
ARROW = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.5, 0.3), (0.1, 0.9))
BOW = ((0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9))
IN, OUT = (0.5, 0.5), (0.9, 0.9)
grid = st.integers(0, 20).map(lambda n: n / 20)
points = st.tuples(grid, grid)


@pytest.mark.parametrize("corner", SQUARE)
def test_corners_and_edges_are_inside(corner: Point) -> None:
    assert contains(SQUARE, corner)
    assert contains(SQUARE, (corner[0], 0.5))
    assert contains(SQUARE, (0.5, corner[1]))


def test_concave_and_crossed_polygons_follow_the_even_odd_rule() -> None:
    assert contains(ARROW, (0.2, 0.2))
    assert not contains(ARROW, (0.5, 0.6))
    assert contains(BOW, (0.5, 0.5))
    assert contains(BOW, (0.15, 0.5))
    assert not contains(BOW, (0.5, 0.2))


@given(st.lists(points, min_size=3, max_size=8), points)
def test_it_agrees_with_opencv_for_simple_polygons(corners: list[Point], point: Point) -> None:
    hull = cv2.convexHull(np.array(corners, np.float32) * 20).reshape(-1, 2)
    if len(hull) < 3 or cv2.contourArea(hull) < 1:
        return
    polygon = tuple((float(x) / 20, float(y) / 20) for x, y in hull)
    assert contains(polygon, point) == (cv2.pointPolygonTest(hull, (point[0] * 20, point[1] * 20), False) >= 0)


@given(st.lists(points, min_size=3, max_size=8), points, st.integers(0, 7), st.booleans())
def test_where_the_polygon_begins_and_which_way_it_runs_changes_nothing(
    corners: list[Point], point: Point, turn: int, reverse: bool
) -> None:
    turned = corners[turn % len(corners) :] + corners[: turn % len(corners)]
    assert contains(tuple(corners), point) == contains(tuple(turned[::-1] if reverse else turned), point)


def watch(**changes: Any) -> ZoneWatch:
    return ZoneWatch(Zone(name="yard", polygon=SQUARE, **changes))


def told(zone: ZoneWatch, path: list[Point], *, track: int = 1, label: str = "person") -> list[tuple[object, ...]]:
    """(second, kind, seconds, count) for one sighting a second."""
    return [
        (at_s, happened.kind, happened.seconds, happened.count)
        for at_s, anchor in enumerate(path)
        for happened in zone.sighted(track, label, anchor, at_s)
    ]


def test_coming_and_going_take_inertia_and_count_from_their_first_sighting() -> None:
    path = [OUT, IN, IN, IN, IN, OUT, OUT, OUT, OUT]
    assert told(watch(), path) == [(3, "entered-zone", None, 1), (7, "left-zone", 4, 0)]


def test_flicker_at_the_edge_says_nothing() -> None:
    assert told(watch(), [OUT, IN, IN, OUT] * 5) == []
    assert told(watch(), [IN] * 3 + [OUT, OUT, IN] * 5) == [(2, "entered-zone", None, 1)]


def test_dwelling_is_said_once_a_stay() -> None:
    stay = [IN] * 6 + [OUT] * 1
    assert told(watch(inertia_frames=1, dwell_s=4), stay * 2) == [
        (0, "entered-zone", None, 1), (4, "dwelled", 4, 1), (6, "left-zone", 6, 0),
        (7, "entered-zone", None, 1), (11, "dwelled", 4, 1), (13, "left-zone", 6, 0),
    ]  # fmt: skip


def test_leaving_the_view_is_leaving_the_zone() -> None:
    zone = watch(inertia_frames=1)
    told(zone, [IN] * 4)
    (left,) = zone.gone(1, 3)
    assert (left.kind, left.seconds, left.count) == ("left-zone", 3, 0)
    assert zone.gone(1, 3) == ()
    assert zone.gone(2, 3) == ()


def test_several_things_are_counted_together_and_other_labels_not_at_all() -> None:
    zone = watch(inertia_frames=1, labels=("person",))
    assert told(zone, [IN], track=1) == [(0, "entered-zone", None, 1)]
    assert told(zone, [IN], track=2) == [(0, "entered-zone", None, 2)]
    assert told(zone, [IN], track=3, label="dog") == []


@given(st.lists(st.sampled_from([IN, OUT]), max_size=60), st.integers(1, 5))
def test_entered_and_left_take_turns_and_the_count_is_never_negative(path: list[Point], inertia: int) -> None:
    zone = watch(inertia_frames=inertia)
    kinds = [kind for _, kind, _, _ in told(zone, path)] + [happened.kind for happened in zone.gone(1, len(path))]
    assert kinds == [("entered-zone", "left-zone")[n % 2] for n in range(len(kinds))]
    assert len(kinds) % 2 == 0
