"""Every picture read once: order kept, damage named, equal pixels recognised."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.trainer.drawn_pictures import draw, write
from trainer.data.origin import open_origin
from trainer.data.reading import Read, Unreadable, pixel_digest, read_all


def test_pictures_come_back_in_the_order_they_were_listed(tmp_path: Path) -> None:
    origin = open_origin(str(draw(tmp_path, {"cat": 12, "dog": 12})))
    found = list(read_all(origin.pictures, lambda pixels: int(pixels.sum())))
    assert [picture.listed for picture in found] == list(origin.pictures)
    assert all(isinstance(picture, Read) and picture.size_wh == (24, 24) for picture in found)


def test_a_damaged_file_is_a_result_with_its_reason(tmp_path: Path, shared_data: Path) -> None:
    draw(tmp_path, {"cat": 2})
    for name in ("truncated_jpeg.jpg", "truncated_image.png", "broken_data_stream.png", "badwidth.bmp"):
        (tmp_path / "cat" / name).write_bytes((shared_data / "corrupt" / "images" / name).read_bytes())
    found = list(read_all(open_origin(str(tmp_path)).pictures, np.shape))
    bad = [picture for picture in found if isinstance(picture, Unreadable)]
    assert len(bad) == 4
    assert all(picture.why for picture in bad)


def test_equal_pixels_have_equal_digests_whatever_the_file(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    (tmp_path / "a").mkdir()
    write(tmp_path / "a" / "one.png", pixels)
    write(tmp_path / "a" / "two.bmp", pixels)
    one, two = read_all(open_origin(str(tmp_path)).pictures, np.shape)
    assert isinstance(one, Read)
    assert isinstance(two, Read)
    assert one.digest == two.digest == pixel_digest(pixels)


def test_the_shape_is_part_of_the_digest() -> None:
    flat = np.zeros((2, 8, 3), np.uint8)
    assert pixel_digest(flat) != pixel_digest(flat.reshape(4, 4, 3))
