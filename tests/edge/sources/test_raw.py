from __future__ import annotations

import cv2
import numpy as np
import pytest

from contract.errors import ConfigError, DamagedFrameError
from edge.sources.raw import RawStream

SMOOTH = cv2.resize(np.random.default_rng(3).integers(0, 256, (3, 4, 3), np.uint8), (64, 48))
YUV = cv2.cvtColor(SMOOTH, cv2.COLOR_BGR2YUV_I420)


def nv12() -> bytes:
    """The same planes as yuv420p with the two of colour interleaved."""
    luma, colour = YUV[:48], YUV[48:].reshape(2, -1)
    return luma.tobytes() + colour.T.tobytes()


STORED = {
    "bgr24": SMOOTH.tobytes(),
    "rgb24": SMOOTH[:, :, ::-1].tobytes(),
    "yuv420p": YUV.tobytes(),
    "nv12": nv12(),
}


@pytest.mark.parametrize("format", STORED)
def test_each_format_gives_the_picture_back(format: str) -> None:
    stream = RawStream(f"size=64x48&format={format}")
    data = STORED[format] * 2
    stream.feed(data[:1000])
    assert stream.next_picture() is None
    stream.feed(data[1000:])
    for _ in range(2):
        frame = stream.next_picture()
        assert frame is not None
        pixels = stream.decode(frame, "here").astype(int)
        # Colour has a quarter of the samples in YUV.
        assert np.abs(pixels - SMOOTH).mean() < (6 if format in ("yuv420p", "nv12") else 0.001)
    assert stream.next_picture() is None
    assert stream.left_over() == b""


def test_grey_becomes_three_equal_channels() -> None:
    stream = RawStream("size=3x1&format=gray")
    stream.feed(b"\x01\x02\x03")
    assert stream.decode(stream.next_picture() or b"", "here").tolist() == [[[1] * 3, [2] * 3, [3] * 3]]


def test_half_a_frame_is_damaged() -> None:
    stream = RawStream("size=64x48&format=gray")
    stream.feed(b"x" * 100)
    with pytest.raises(DamagedFrameError, match="after 100 of 3072 bytes"):
        stream.decode(stream.left_over(), "here")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("size=64x48", "format is not known"),
        ("size=64x48&format=yuyv", "format is not known"),
        ("size=64x48&format=gray&rate=5", "format is not known"),
        ("format=gray", "is not a size"),
        ("size=64x0&format=gray", "is not a size"),
        ("size=99999x1&format=gray", "is not a size"),
        ("size=63x48&format=nv12", "even width and height"),
    ],
)
def test_wrong_options_are_refused(options: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        RawStream(options)
