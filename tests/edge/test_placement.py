from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.manifest import Preprocessing
from edge.placement import Rectangle, placement

SIDES = st.integers(1, 4000)


def test_stretch_takes_the_whole_frame_and_fills_the_whole_picture() -> None:
    place = placement((1280, 720), Preprocessing(size_wh=(96, 96)))
    assert place.crop == Rectangle(0, 0, 1280, 720)
    assert place.target == Rectangle(0, 0, 96, 96)


def test_letterbox_keeps_the_aspect_and_centres() -> None:
    place = placement((1280, 720), Preprocessing(size_wh=(128, 128), resize="letterbox"))
    assert place.crop == Rectangle(0, 0, 1280, 720)
    assert place.target == Rectangle(0, 28, 128, 100)


def test_crop_takes_the_centred_middle_with_the_models_aspect() -> None:
    place = placement((1280, 720), Preprocessing(size_wh=(128, 128), resize="crop"))
    assert place.crop == Rectangle(280, 0, 1000, 720)
    assert place.target == Rectangle(0, 0, 128, 128)


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "crop"])
@given(frame=st.tuples(SIDES, SIDES), model=st.tuples(SIDES, SIDES))
def test_both_rectangles_stay_inside_and_hold_at_least_a_pixel(
    resize: str, frame: tuple[int, int], model: tuple[int, int]
) -> None:
    place = placement(frame, Preprocessing(size_wh=model, resize=resize))  # type: ignore[arg-type]
    for rectangle, (width, height) in ((place.crop, frame), (place.target, model)):
        assert 0 <= rectangle.left < rectangle.right <= width
        assert 0 <= rectangle.top < rectangle.bottom <= height


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "crop"])
@given(frame=st.tuples(SIDES, SIDES), share=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_point_goes_to_the_model_and_back(resize: str, frame: tuple[int, int], share: tuple[float, float]) -> None:
    place = placement(frame, Preprocessing(size_wh=(300, 200), resize=resize))  # type: ignore[arg-type]
    crop, target = place.crop, place.target
    there = (target.left + share[0] * target.width, target.top + share[1] * target.height)
    back = place.to_frame(*there)
    assert back == pytest.approx((crop.left + share[0] * crop.width, crop.top + share[1] * crop.height), abs=1e-6)


def test_a_point_in_the_padding_is_brought_back_to_the_frames_edge() -> None:
    place = placement((1280, 720), Preprocessing(size_wh=(128, 128), resize="letterbox"))
    assert place.to_frame(64, 0) == (640, 0)
    assert place.to_frame(64, 128) == (640, 720)
