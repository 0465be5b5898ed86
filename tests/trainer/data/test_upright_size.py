"""The size of a picture file as it will be read, in every kind of file."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.pictures import read_picture
from trainer.data.upright_size import upright_size_wh


def exif(orientation: int, order: str) -> bytes:
    """An APP1 segment with that orientation alone (CIPA DC-008)."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    tiff = mark + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_jpeg_has_the_size_it_is_read_with(orientation: int, order: str, tmp_path: Path) -> None:
    _, encoded = cv2.imencode(".jpg", np.zeros((30, 40, 3), np.uint8))
    data = encoded.tobytes()
    file = tmp_path / "a.jpg"
    file.write_bytes(data[:2] + exif(orientation, order) + data[2:])
    size = upright_size_wh(file)
    assert size == ((40, 30) if orientation < 5 else (30, 40))
    assert size == read_picture(file).shape[1::-1]


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp", "tif", "ppm", "gif"])
def test_every_kind_of_file_has_the_size_it_is_read_with(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"a.{suffix}"
    assert cv2.imwrite(str(file), np.zeros((30, 40, 3), np.uint8))
    assert upright_size_wh(file) == (40, 30)


def test_the_shared_photographs_have_the_size_they_are_read_with(shared_data: Path) -> None:
    files = [*(shared_data / "images" / "odd_but_valid").iterdir(), *(shared_data / "images").glob("*.*g")]
    assert len(files) >= 10
    for file in files:
        assert upright_size_wh(file) == read_picture(file).shape[1::-1], file


def test_what_cannot_be_read_has_no_size(tmp_path: Path) -> None:
    assert upright_size_wh(tmp_path / "gone.jpg") is None
    (tmp_path / "empty.jpg").write_bytes(b"")
    assert upright_size_wh(tmp_path / "empty.jpg") is None
