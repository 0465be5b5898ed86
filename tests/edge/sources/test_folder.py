from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from contract.errors import SourceError
from edge.sources.folder import open as open_folder
from tests.edge.colours import plain


def test_pictures_of_all_folders_come_sorted_by_path_and_a_damaged_one_stops_nothing(tmp_path: Path) -> None:
    for name, colour in (("b.png", "blue"), ("a.PNG", "red"), ("d.jpg", "green")):
        cv2.imwrite(str(tmp_path / name), plain(colour))
    (tmp_path / "c.jpg").write_bytes(b"\xff\xd8 cut short")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "inner.png").mkdir()
    cv2.imwrite(str(tmp_path / "inner.png" / "a.png"), plain("blue"))
    source = open_folder(str(tmp_path))
    frames = [frame for _ in range(6) if (frame := source.read(1.0)) is not None]
    assert [(frame.source, frame.index, frame.error is None) for frame in frames] == [
        ("a.PNG", 0, True),
        ("b.png", 1, True),
        ("c.jpg", 2, False),
        ("d.jpg", 3, True),
        ("inner.png/a.png", 4, True),
    ]


def test_a_folder_without_pictures_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no picture.*\.jpg"):
        open_folder(str(tmp_path))
