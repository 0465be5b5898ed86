"""The digits that come with scikit-learn, as an origin of pictures."""

from __future__ import annotations

import numpy as np

from edge.preprocess import fit
from trainer.data.origin import open_origin


def test_there_are_1797_digits_of_ten_classes_without_splits() -> None:
    origin = open_origin("digits")
    assert len(origin.pictures) == 1797
    assert origin.labels == tuple("0123456789")
    assert not origin.has_splits


def test_a_digit_is_a_grey_picture_that_uses_the_whole_range() -> None:
    pixels = open_origin("digits").pictures[0].read()
    assert pixels.shape == (8, 8, 3)
    assert pixels.dtype == np.uint8
    assert (pixels.min(), pixels.max()) == (0, 239)  # 15 of 16 shades, the darkest of this scan
    assert (pixels[..., 0] == pixels[..., 2]).all()


def test_the_device_code_makes_it_32_by_32_grey() -> None:
    origin = open_origin("digits")
    fitted = fit(origin.pictures[0].read(), origin.suggestion.preprocessing)
    assert fitted.shape == (32, 32, 1)
