"""Damaged files are named with their cause."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.trainer.drawn_pictures import draw
from trainer.check import check_dataset
from trainer.checks.cause import cause


def test_every_damaged_file_is_named_by_its_cause_and_the_usable_one_is_used(shared_data: Path, tmp_path: Path) -> None:
    draw(tmp_path, {"cat": 12, "dog": 12})
    for file in (shared_data / "corrupt" / "images").iterdir():
        shutil.copy(file, tmp_path / "dog")
    (tmp_path / "dog" / "empty.jpg").write_bytes(b"")
    (tmp_path / "dog" / "text.jpg").write_bytes(b"<html>not found</html>")
    finding = next(each for each in check_dataset(str(tmp_path)).findings if each.kind == "unreadable")
    assert dict(zip(finding.pictures, finding.notes, strict=True)) == {
        "dog/badpalettesize.bmp": "the BMP declares a palette of 305,402,420 colours for 8 bits",
        "dog/badwidth.bmp": "the BMP declares -127 x 64 pixels",
        "dog/broken.png": "the picture declares 97293039 x 1048810005 pixels, and 100,000,000 are the limit",
        "dog/broken_data_stream.png": "the PNG is damaged: the checksum of its IDAT chunk is wrong",
        "dog/decompression_bomb.gif": "the GIF declares 65535 x 1321 pixels at 0,65280 of a canvas of 32 x 32",
        "dog/empty.jpg": "the file is empty",
        "dog/text.jpg": "this is no picture: it begins with b'<html>no'",
        "dog/truncated_image.png": "the PNG was cut short, or is damaged, in its IDAT chunk",
        "dog/truncated_jpeg.jpg": "the JPEG was cut short",
    }


def test_a_cause_is_given_whatever_the_bytes(tmp_path: Path) -> None:
    sound = next((draw(tmp_path, {"cat": 1}) / "cat").iterdir()).read_bytes()
    for start in (sound, b"GIF89a", b"BM", b"II*\x00"):
        for length in range(60):
            (tmp_path / "cut").write_bytes(start[:length])
            cause(tmp_path / "cut")
    (tmp_path / "cut").write_bytes(sound[:-12])
    assert cause(tmp_path / "cut") == "the PNG was cut short: it has no IEND chunk"
    assert cause(tmp_path / "absent") is None
