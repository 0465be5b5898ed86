from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import SourceError
from edge.sources import open_source


def test_every_frame_of_a_video_is_read(shared_data: Path) -> None:
    source = open_source(str(shared_data / "video" / "sign_thanks.mkv"))
    indices, sizes = [], set()
    while (frame := source.read(1.0)) is not None:
        indices.append(frame.index)
        sizes.add(frame.size_wh)
    source.close()
    assert indices == list(range(51))
    assert sizes == {(640, 480)}
    assert not source.live


def test_a_video_cut_in_the_middle_gives_what_it_has_and_one_without_a_frame_is_refused(
    shared_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = (shared_data / "video" / "sign_thanks.mkv").read_bytes()
    (tmp_path / "half.mkv").write_bytes(data[: len(data) // 2])
    source = open_source(str(tmp_path / "half.mkv"))
    count = 0
    while source.read(1.0) is not None:
        count += 1
    source.close()
    assert 0 < count < 51
    (tmp_path / "none.mp4").write_bytes(b"no video at all")
    with pytest.raises(SourceError, match=r"not a video that can be decoded.*none\.mp4"):
        open_source(str(tmp_path / "none.mp4"))
    assert capfd.readouterr().err == ""
