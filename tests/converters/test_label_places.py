"""Labels of a chart: all inside, none on another."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from converters.label_places import Box, place_labels

FRAME = Box(0, 0, 600, 400)
POINT = st.tuples(st.floats(0, 600), st.floats(0, 400))


@given(st.lists(st.tuples(POINT, st.floats(10, 200)), max_size=20))
def test_no_label_covers_another_or_leaves_the_frame(labelled: list[tuple[tuple[float, float], float]]) -> None:
    points = [point for point, _ in labelled]
    taken = [Box(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    placed = place_labels(points, [(width, 15) for _, width in labelled], FRAME, taken)
    found = [box for box in placed if box is not None]
    assert all(FRAME.holds(box) for box in found)
    assert not any(one.meets(other) for one, other in combinations(found, 2))
    assert not any(box.meets(point) for box in found for point in taken)


def test_a_lone_label_stands_right_of_its_point() -> None:
    (box,) = place_labels([(100, 100)], [(50, 15)], FRAME, [])
    assert box == Box(109, 92.5, 159, 107.5)


def test_where_there_is_no_room_there_is_no_label() -> None:
    assert place_labels([(5, 5)], [(50, 15)], Box(0, 0, 40, 40), []) == [None]
