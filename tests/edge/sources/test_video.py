from __future__ import annotations

import struct
from pathlib import Path

import pytest

from contract.errors import SourceError
from edge.sources import open_source


def test_every_frame_of_a_video_is_read(shared_data: Path) -> None:
    source = open_source(str(shared_data / "video" / "sign_thanks.mkv"))
    indices, sizes, times = [], set(), []
    while (frame := source.read(1.0)) is not None:
        indices.append(frame.index)
        times.append(frame.media_s)
        sizes.add(frame.size_wh)
    source.close()
    assert indices == list(range(51))
    assert sizes == {(640, 480)}
    assert times == pytest.approx([index / 30 for index in range(51)], abs=0.002)
    assert not source.live


def test_a_video_cut_in_the_middle_gives_what_it_has_and_one_without_a_frame_is_refused(
    shared_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = (shared_data / "video" / "sign_thanks.mkv").read_bytes()
    (tmp_path / "half.mkv").write_bytes(data[: len(data) // 2])
    source = open_source(str(tmp_path / "half.mkv"))
    frames = []
    while (frame := source.read(1.0)) is not None:
        frames.append(frame)
    assert source.read(1.0) is None
    source.close()
    assert 1 < len(frames) < 51
    assert [frame.index for frame in frames if frame.error] == [len(frames) - 1]
    assert "cut short" in str(frames[-1].error)
    (tmp_path / "none.mp4").write_bytes(b"no video at all")
    with pytest.raises(SourceError, match=r"not a video that can be decoded.*none\.mp4"):
        open_source(str(tmp_path / "none.mp4"))
    assert capfd.readouterr().err == ""


def test_a_video_lying_on_its_side_is_turned(shared_data: Path, tmp_path: Path) -> None:
    data = bytearray((shared_data / "video" / "bottle-detection.mp4").read_bytes())
    # The matrix of the track header (ISO/IEC 14496-12, 8.3.2, version 0), after the tag and 40 bytes of fields.
    at = data.index(b"tkhd") + 4 + 40
    quarter_turn = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 360 << 16, 0, 1 << 30)
    data[at : at + 36] = quarter_turn
    (tmp_path / "turned.mp4").write_bytes(data)
    source = open_source(str(tmp_path / "turned.mp4"))
    frame = source.read(1.0)
    source.close()
    assert frame is not None
    assert frame.size_wh == (360, 640)
