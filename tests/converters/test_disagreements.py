"""Which pictures a report shows: those answered otherwise, the farthest apart first."""

from __future__ import annotations

import numpy as np

from converters.disagreements import LIMIT, thumbnail, worst_disagreements
from converters.source import UNKNOWN, Pictures
from edge.pictures import decode_picture

LABELS = ("cat", "dog")


def pictures(count: int, size: int = 8) -> Pictures:
    frames = np.zeros((count, size, size, 3), np.uint8)
    frames[..., 0] = 200
    return Pictures(frames, np.zeros(count, np.int64))


def test_the_farthest_apart_comes_first_and_agreement_is_left_out() -> None:
    source = np.array([[0.9, 0.1], [0.6, 0.4], [0.9, 0.1]])
    artifact = np.array([[0.8, 0.2], [0.45, 0.55], [0.1, 0.9]])
    found, count = worst_disagreements(pictures(3), source, artifact, LABELS, colour="rgb")
    assert count == 2
    assert [(one.name, one.source, one.artifact, one.truth) for one in found] == [
        ("picture 2", "cat 90%", "dog 90%", "cat"),
        ("picture 1", "cat 60%", "dog 55%", "cat"),
    ]


def test_all_are_counted_and_only_some_shown() -> None:
    source, artifact = np.tile([0.9, 0.1], (40, 1)), np.tile([0.1, 0.9], (40, 1))
    unknown = Pictures(pictures(40).frames, np.full(40, UNKNOWN))
    found, count = worst_disagreements(unknown, source, artifact, ("cat",), colour="rgb")
    assert (len(found), count) == (LIMIT, 40)
    assert (found[0].artifact, found[0].truth) == ("class 1 90%", "")


def test_small_pictures_keep_their_pixels_and_their_colours() -> None:
    shown = decode_picture(thumbnail(pictures(1).frames[0], colour="rgb"), where="it")
    assert shown.shape == (8, 8, 3)
    assert shown[0, 0].tolist() == [0, 0, 200]  # Blue, green, red.


def test_large_pictures_become_small_ones() -> None:
    frame = np.zeros((300, 600, 1), np.uint8)
    data = thumbnail(frame, colour="grey")
    assert data.startswith(b"\xff\xd8")
    assert decode_picture(data, where="it").shape == (96, 192, 3)
