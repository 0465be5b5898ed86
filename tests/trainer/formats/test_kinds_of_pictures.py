"""Pictures that are not eight bits of three colours: read right, or refused in one sentence."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from contract.errors import SourceError
from edge.frames import Pixels
from edge.pictures import read_picture


def png(path: Path, size_wh: tuple[int, int], kind: int, bits: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> Path:
    """A PNG of any colour type (ISO/IEC 15948), each row of `rows` with its filter byte."""
    head = struct.pack(">IIBBBBB", *size_wh, bits, kind, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    path.write_bytes(data)
    return path


def deep(path: Path, pixels: np.ndarray) -> Pixels:
    assert cv2.imwrite(str(path), pixels)
    return read_picture(path)


def test_palettes_are_looked_up(tmp_path: Path) -> None:
    file = png(tmp_path / "p.png", (2, 1), 3, 8, b"\0\0\1", (b"PLTE", bytes([255, 10, 20, 1, 2, 3])))
    assert read_picture(file).tolist() == [[[20, 10, 255], [3, 2, 1]]]


def test_one_bit_and_grey_with_alpha_become_grey(tmp_path: Path) -> None:
    assert read_picture(png(tmp_path / "b.png", (2, 1), 0, 1, b"\0\x40")).tolist() == [[[0] * 3, [255] * 3]]
    assert read_picture(png(tmp_path / "a.png", (2, 1), 4, 8, b"\0\x10\xff\x80\0")).tolist() == [[[16] * 3, [128] * 3]]


def test_alpha_is_left_out_so_hidden_colours_show(tmp_path: Path) -> None:
    clear = np.zeros((2, 2, 4), np.uint8)
    clear[..., :3] = (10, 20, 200)
    assert (deep(tmp_path / "a.png", clear) == (10, 20, 200)).all()


def test_cmyk_becomes_the_colours_it_stands_for(shared_data: Path) -> None:
    pixels = read_picture(shared_data / "images" / "odd_but_valid" / "pil_sample_cmyk.jpg")
    blue, green, red = (int(value) for value in pixels[0, 0])
    assert red > 240
    assert max(blue, green) < 40
    assert pixels[-1, -1].max() < 10


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_of_sixteen_bits_the_upper_eight_are_kept_so_twelve_in_sixteen_are_dark(suffix: str, tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    assert np.abs(deep(tmp_path / f"full.{suffix}", ramp)[..., 0].ravel().astype(int) - np.arange(256)).max() <= 1
    assert deep(tmp_path / f"twelve.{suffix}", ramp // 16).max() == 15


def test_a_tiff_of_floats_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no picture could be decoded"):
        deep(tmp_path / "f.tif", np.ones((8, 8), np.float32))
