from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import DamagedFrameError
from edge.picture_size import declared_size_wh
from edge.pictures import decode_picture

PIXELS = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
SUFFIXES = (".jpg", ".png", ".bmp", ".webp", ".tiff", ".ppm", ".gif")


def encoded(suffix: str) -> bytes:
    data: bytes = cv2.imencode(suffix, PIXELS)[1].tobytes()
    return data


def bomb() -> bytes:
    """A PNG of a few bytes that declares 900 megapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_size_is_read_from_every_kind_of_header(suffix: str) -> None:
    assert declared_size_wh(encoded(suffix)) == (30, 20)


def test_a_lossless_webp_has_its_size_elsewhere() -> None:
    data = cv2.imencode(".webp", PIXELS, [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()
    assert declared_size_wh(data) == (30, 20)


@given(st.sampled_from(SUFFIXES), st.integers(0, 200), st.binary(max_size=8))
def test_no_header_is_too_short_or_too_odd(suffix: str, cut: int, tail: bytes) -> None:
    declared_size_wh(encoded(suffix)[:cut] + tail)


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    with pytest.raises(DamagedFrameError, match="declares 30000 x 30000 pixels"):
        decode_picture(bomb(), where="bomb.png")
    jpeg = encoded(".jpg")
    at = jpeg.index(b"\xff\xc0") + 5
    with pytest.raises(DamagedFrameError, match="declares 65535 x 65535 pixels"):
        decode_picture(jpeg[:at] + b"\xff\xff\xff\xff" + jpeg[at + 4 :], where="bomb.jpg")
