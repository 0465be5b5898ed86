"""Which boxes are learnt from, cut or left out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.odd_boxes import Written, sort_out

Corners = tuple[float, float, float, float]


def sorted_out(*corners: Corners, size_wh: tuple[int, int] | None = (640, 480)) -> tuple[list[Corners], list[str], int]:
    written = [Written(0, one, f"object {number}") for number, one in enumerate(corners, 1)]
    good, odd, cut = sort_out("a.png", written, size_wh)
    return [box.xyxy_px for box in good], [box.what for box in odd], len(cut)


@pytest.mark.parametrize(
    ("corners", "what"),
    [
        ((5, 5, 5, 9), "its area is zero: 0 x 4 pixels"),
        ((5, 5, 3, 9), "it is inverted: -2 x 4 pixels"),
        ((5, math.nan, 9, 9), "its corners are not finite numbers"),
        ((5, 5, math.inf, 9), "its corners are not finite numbers"),
        ((640, 5, 650, 9), "it lies outside the 640x480 picture"),
        ((-9, -9, 0, -1), "it lies outside the 640x480 picture"),
        ((600, 5, 647, 9), "it stands 7.0 pixels out of the 640x480 picture"),
        ((5, -5, 9, 9), "it stands 5.0 pixels out of the 640x480 picture"),
    ],
)
def test_an_odd_box_is_left_out_with_its_reason(corners: Corners, what: str) -> None:
    assert sorted_out(corners, (1, 1, 9, 9)) == ([(1, 1, 9, 9)], [what], 0)


def test_one_percent_or_two_pixels_are_cut() -> None:
    assert sorted_out((-6.4, 1, 9, 484.0)) == ([(0, 1, 9, 480)], [], 1)
    assert sorted_out((-2, 1, 9, 9), size_wh=(20, 20)) == ([(0, 1, 9, 9)], [], 1)
    assert sorted_out((-2.1, 1, 9, 9), size_wh=(20, 20))[0] == []


def test_rounding_is_cut_without_a_word() -> None:
    assert sorted_out((-0.003, 1, 640.003, 9)) == ([(0, 1, 640, 9)], [], 0)


def test_a_second_copy_is_left_out_and_another_class_is_not() -> None:
    written = [Written(label, (1, 1, 9, 9), f"object {n}") for n, label in enumerate((0, 1, 0), 1)]
    good, odd, _ = sort_out("a.png", written, (20, 20))
    assert [box.label for box in good] == [0, 1]
    assert [(box.where, box.what) for box in odd] == [("object 3", "it is written twice, also at object 1")]


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.floats(width=32)] * 4), max_size=6), st.integers(1, 50), st.integers(1, 50))
def test_whatever_is_written_good_boxes_lie_inside_and_none_is_lost(all_corners: list[Corners], w: int, h: int) -> None:
    good, odd, _ = sorted_out(*all_corners, size_wh=(w, h))
    assert len(good) + len(odd) == len(all_corners)
    assert all(0 <= left < right <= w and 0 <= top < bottom <= h for left, top, right, bottom in good)
