from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.manifest import Preprocessing
from edge.fitter import Fitter, halvings

RNG = np.random.default_rng(0)


def test_up_to_twice_as_large_it_is_opencvs_bilinear_resize() -> None:
    frame = RNG.integers(0, 256, (30, 40, 3), np.uint8)
    expected = cv2.resize(frame, (24, 16), interpolation=cv2.INTER_LINEAR)[:, :, ::-1]
    assert (Fitter(Preprocessing(size_wh=(24, 16))).fit(frame) == expected).all()


def test_fine_texture_in_a_large_frame_is_averaged_and_not_sampled() -> None:
    chequered = np.indices((720, 1280)).sum(0) % 2 * 255
    frame = np.repeat(chequered[:, :, None], 3, 2).astype(np.uint8)
    fitted = Fitter(Preprocessing(size_wh=(96, 96))).fit(frame)
    assert np.abs(fitted.astype(int) - 128).max() <= 2


def test_nearest_takes_pixels_as_they_are() -> None:
    frame = RNG.integers(0, 2, (300, 300, 3), np.uint8) * 255
    fitted = Fitter(Preprocessing(size_wh=(20, 20), interpolation="nearest")).fit(frame)
    assert set(np.unique(fitted)) == {0, 255}


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "crop"])
def test_a_fitter_forgets_the_frame_before(resize: str) -> None:
    prep = Preprocessing(size_wh=(50, 40), resize=resize)  # type: ignore[arg-type]
    frames = [RNG.integers(0, 256, (height, width, 3), np.uint8) for width, height in ((99, 301), (640, 48), (99, 301))]
    fitter = Fitter(prep)
    for frame in frames:
        assert (fitter.fit(frame) == Fitter(prep).fit(frame)).all()


@given(*[st.tuples(st.integers(1, 5000), st.integers(1, 5000))] * 2)
def test_halving_ends_at_no_more_than_twice_the_target(size_wh: tuple[int, int], target_wh: tuple[int, int]) -> None:
    sizes = [size_wh, *halvings(size_wh, target_wh)]
    for (width, height), (next_width, next_height) in pairwise(sizes):
        assert next_width in (width, width // 2)
        assert next_height in (height, height // 2)
    assert all(side <= 2 * target for side, target in zip(sizes[-1], target_wh, strict=True))
    assert all(side >= min(whole, target) for side, whole, target in zip(sizes[-1], size_wh, target_wh, strict=True))


def test_letterbox_pads_around_the_centred_picture_also_when_the_frames_size_changes() -> None:
    prep = Preprocessing(size_wh=(100, 100), resize="letterbox", pad_value=9)
    fitter = Fitter(prep)
    wide = fitter.fit(np.full((50, 100, 3), 200, np.uint8))
    assert (wide[:25] == 9).all()
    assert (wide[25:75] == 200).all()
    assert (wide[75:] == 9).all()
    tall = fitter.fit(np.full((400, 200, 3), 200, np.uint8))
    assert (tall[:, :25] == 9).all()
    assert (tall[:, 25:75] == 200).all()
    assert (tall[:, 75:] == 9).all()


def test_crop_cuts_the_middle_out() -> None:
    frame = np.zeros((60, 120, 3), np.uint8)
    frame[:, 30:90] = 255
    fitted = Fitter(Preprocessing(size_wh=(30, 30), resize="crop")).fit(frame)
    assert (fitted == 255).all()
