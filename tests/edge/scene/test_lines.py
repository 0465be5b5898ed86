from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contract.scene import Line, Point
from edge.scene.lines import LineWatch

LEFT, RIGHT = (0.5, 0.2), (0.5, 0.8)
"""Of a line from the picture's left edge to its right one: above is left of who walks it."""
places = st.tuples(st.floats(0, 1), st.floats(0, 1))


def watch(begin: Point = (0.0, 0.5), end: Point = (1.0, 0.5), **changes: Any) -> LineWatch:
    return LineWatch(Line(name="door", begin=begin, end=end, **changes))


def told(line: LineWatch, path: list[Point], *, track: int = 1, label: str = "person") -> list[tuple[str, int]]:
    crossings = [line.sighted(track, label, anchor) for anchor in path]
    return [(crossing.direction, crossing.count) for crossing in crossings if crossing is not None]


def test_in_is_from_the_left_of_the_line_to_its_right() -> None:
    assert told(watch(), [LEFT, RIGHT]) == [("in", 1)]
    assert told(watch(), [RIGHT, LEFT]) == [("out", 1)]
    assert told(watch(begin=(1.0, 0.5), end=(0.0, 0.5)), [LEFT, RIGHT]) == [("out", 1)]
    assert told(watch(begin=(0.5, 0.0), end=(0.5, 1.0)), [(0.2, 0.5), (0.8, 0.5)]) == [("out", 1)]


def test_directions_are_counted_apart_over_all_things() -> None:
    line = watch()
    assert told(line, [LEFT, RIGHT, LEFT], track=1) == [("in", 1), ("out", 1)]
    assert told(line, [LEFT, RIGHT], track=2) == [("in", 2)]


def test_going_around_an_end_is_no_crossing() -> None:
    assert told(watch(begin=(0.4, 0.5), end=(0.6, 0.5)), [(0.5, 0.2), (0.9, 0.2), (0.9, 0.8), (0.5, 0.8)]) == []


def test_where_it_was_crossed_last_decides() -> None:
    through_and_back_around = [(0.5, 0.2), (0.5, 0.8), (0.9, 0.8), (0.9, 0.2), (0.5, 0.2), (0.5, 0.8)]
    assert told(watch(begin=(0.4, 0.5), end=(0.6, 0.5)), through_and_back_around) == [("in", 1), ("in", 2)]


def test_trembling_on_the_line_counts_nothing() -> None:
    line = watch(margin=0.05)
    assert told(line, [LEFT, *[(0.5, 0.46), (0.5, 0.54)] * 20]) == []
    assert told(line, [RIGHT, *[(0.5, 0.54), (0.5, 0.46)] * 20]) == [("in", 1)]


def test_standing_exactly_on_the_line_is_no_side() -> None:
    assert told(watch(margin=0), [LEFT, (0.5, 0.5), (0.5, 0.5), LEFT]) == []
    assert told(watch(margin=0), [LEFT, (0.5, 0.5), RIGHT]) == [("in", 1)]
    assert told(watch(margin=0), [(0.5, 0.5), RIGHT]) == []


def test_other_labels_are_not_counted_and_a_new_thing_begins_anew() -> None:
    line = watch(labels=("person",))
    assert told(line, [LEFT, RIGHT], label="dog") == []
    assert told(line, [LEFT]) == []
    line.gone(1)
    assert told(line, [RIGHT]) == []


@given(st.lists(places, min_size=1, max_size=40), st.floats(0, 0.2))
def test_in_and_out_take_turns_over_a_line_without_ends(path: list[Point], margin: float) -> None:
    # Longer than any step can miss: every change of sides is a crossing.
    line = LineWatch(Line(name="all", begin=(0.0, 0.5), end=(1.0, 0.5), margin=margin))
    directions = [direction for direction, _ in told(line, path)]
    assert all(one != other for one, other in pairwise(directions))
    assert abs(line.counts["in"] - line.counts["out"]) <= 1


@given(st.lists(places, max_size=20))
def test_who_comes_back_to_where_he_started_has_crossed_as_often_in_as_out(path: list[Point]) -> None:
    line = watch()
    told(line, [LEFT, *path, LEFT])
    assert line.counts["in"] == line.counts["out"]


@given(st.lists(places, max_size=20))
def test_the_line_turned_round_swaps_the_directions(path: list[Point]) -> None:
    there, back = watch(margin=0.03), watch((1.0, 0.5), (0.0, 0.5), margin=0.03)
    told(there, path)
    told(back, path)
    assert (there.counts["in"], there.counts["out"]) == (back.counts["out"], back.counts["in"])
