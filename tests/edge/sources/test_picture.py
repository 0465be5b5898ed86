from __future__ import annotations

from pathlib import Path

from edge.sources.picture import open as open_picture


def test_one_picture_is_one_frame_under_its_own_name(shared_data: Path) -> None:
    source = open_picture(str(shared_data / "images" / "parrot.jpg"))
    frame = source.read(1.0)
    assert frame is not None
    assert (frame.source, frame.index, frame.size_wh) == ("parrot.jpg", 0, (512, 929))
    assert source.read(1.0) is None
    assert not source.live


def test_a_damaged_picture_is_a_frame_with_an_error(shared_data: Path) -> None:
    frame = open_picture(str(shared_data / "corrupt" / "images" / "truncated_jpeg.jpg")).read(1.0)
    assert frame is not None
    assert frame.pixels is None
    assert frame.error is not None
    assert "cut short" in frame.error.what
