from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.jpeg import START, declared_size_wh, end_of_picture, is_cut_short

PICTURE = cv2.imencode(".jpg", np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8))[1].tobytes()
THUMBNAIL = b"\xff\xe1" + (2 + len(PICTURE)).to_bytes(2, "big") + PICTURE
"""An application segment with a whole small JPEG inside, as cameras write into EXIF."""


def test_a_whole_picture_ends_where_it_ends_whatever_follows() -> None:
    assert end_of_picture(PICTURE + b"anything") == len(PICTURE)
    assert not is_cut_short(PICTURE)


@given(st.integers(2, len(PICTURE) - 1))
def test_a_picture_cut_anywhere_is_cut_short(length: int) -> None:
    assert is_cut_short(PICTURE[:length])


def test_the_end_of_a_thumbnail_is_not_the_pictures_end() -> None:
    whole = START + THUMBNAIL + PICTURE[2:]
    assert end_of_picture(whole) == len(whole)
    assert is_cut_short(whole[: len(THUMBNAIL) + 40])


def test_what_is_no_jpeg_is_not_cut_short() -> None:
    assert not is_cut_short(b"\x89PNG")
    assert not is_cut_short(b"")


def test_a_picture_in_which_the_next_begins_was_cut_short() -> None:
    half = PICTURE[: len(PICTURE) // 2]
    assert end_of_picture(half + PICTURE) == len(half)
    assert is_cut_short(half + PICTURE)


def test_the_declared_size_is_behind_the_metadata() -> None:
    assert declared_size_wh(START + THUMBNAIL + PICTURE[2:]) == (60, 40)
    assert declared_size_wh(START + b"\xff\xd9") is None
