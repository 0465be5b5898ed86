from __future__ import annotations

import cv2
from hypothesis import given
from hypothesis import strategies as st

from edge.sources.mjpeg import MjpegStream
from tests.edge.colours import LABELS, plain

PICTURES = [cv2.imencode(".jpg", plain(colour))[1].tobytes() for colour in LABELS]


@given(st.lists(st.integers(1, 400), min_size=1), st.binary(max_size=20).filter(lambda b: b"\xff" not in b))
def test_pictures_come_out_whole_however_the_bytes_are_cut_and_whatever_is_between(
    cuts: list[int], between: bytes
) -> None:
    data = between + between.join(PICTURES)
    stream, found = MjpegStream(), []
    at = 0
    while at < len(data):
        size = cuts[len(found) % len(cuts)]
        stream.feed(data[at : at + size])
        at += size
        while (picture := stream.next_picture()) is not None:
            found.append(picture)
    assert found == PICTURES


def test_bytes_that_never_begin_a_picture_are_not_kept() -> None:
    stream = MjpegStream()
    for _ in range(100):
        stream.feed(b"x" * 1000)
        assert stream.next_picture() is None
    assert len(stream._held) <= 1
