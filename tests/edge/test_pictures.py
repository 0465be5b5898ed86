from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from contract.errors import DamagedFrameError, SourceError
from edge.pictures import decode_picture, read_picture

REFUSED = [
    "truncated_jpeg.jpg",
    "truncated_image.png",
    "broken_data_stream.png",
    "broken.png",
    "decompression_bomb.gif",
    "badwidth.bmp",
    "badpalettesize.bmp",
]


@pytest.mark.parametrize("name", REFUSED)
def test_damaged_pictures_are_refused_quietly(name: str, shared_data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DamagedFrameError, match=name):
        read_picture(shared_data / "corrupt" / "images" / name)
    assert capfd.readouterr().err == ""


def test_a_sound_picture_with_broken_metadata_is_read(shared_data: Path) -> None:
    assert read_picture(shared_data / "corrupt" / "images" / "hopper_bad_exif.jpg").shape == (500, 500, 3)


@pytest.mark.parametrize("orientation", [2, 3, 6])
def test_the_orientation_a_camera_wrote_is_applied(orientation: int, shared_data: Path) -> None:
    folder = shared_data / "images" / "odd_but_valid"
    upright = read_picture(folder / "hopper.jpg").astype(int)
    turned = read_picture(folder / f"hopper_orientation_{orientation}.jpg").astype(int)
    # Compressed again after turning, so not equal: a picture left lying differs by 50 levels.
    assert np.abs(upright - turned).mean() < 5


@pytest.mark.parametrize(
    ("name", "shape"),
    [("hopper_gray.jpg", (128, 128, 3)), ("pil_sample_cmyk.jpg", (100, 100, 3)), ("pil123rgba.png", (150, 162, 3))],
)
def test_odd_but_valid_pictures_become_plain_bgr(name: str, shape: tuple[int, ...], shared_data: Path) -> None:
    pixels = read_picture(shared_data / "images" / "odd_but_valid" / name)
    assert (pixels.shape, pixels.dtype) == (shape, np.uint8)


def test_sixteen_bits_keep_their_upper_eight() -> None:
    deep = np.full((4, 4, 3), 0xAB12, np.uint16)
    data = cv2.imencode(".png", deep)[1].tobytes()
    assert (decode_picture(data, where="deep.png") == 0xAB).all()


def test_nothing_is_no_picture() -> None:
    with pytest.raises(DamagedFrameError, match="0 bytes"):
        decode_picture(b"", where="empty")


def test_a_file_that_is_not_there_is_the_sources_fault(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file") as caught:
        read_picture(tmp_path / "absent.jpg")
    assert not isinstance(caught.value, DamagedFrameError)


def noisy_jpeg() -> bytes:
    data: bytes = cv2.imencode(".jpg", np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))[1].tobytes()
    return data


def test_a_scan_that_stops_early_is_damaged_although_an_end_marker_follows(capfd: pytest.CaptureFixture[str]) -> None:
    data = noisy_jpeg()
    with pytest.raises(DamagedFrameError, match="premature end of data segment"):
        decode_picture(data[: len(data) // 2] + b"\xff\xd9", where="half.jpg")
    with pytest.raises(DamagedFrameError, match="extraneous bytes before marker"):
        decode_picture(data[:-2] + b"garbage!" * 10 + b"\xff\xd9", where="long.jpg")
    assert capfd.readouterr().err == ""


def test_a_few_bytes_before_the_end_marker_and_any_after_it_are_a_cameras_habit() -> None:
    data = noisy_jpeg()
    assert decode_picture(data[:-2] + b"\x00" * 8 + b"\xff\xd9", where="padded.jpg").shape == (64, 64, 3)
    assert decode_picture(data + b"\x00" * 500, where="padded.jpg").shape == (64, 64, 3)
