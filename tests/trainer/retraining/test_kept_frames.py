"""What a device kept is found with its device, its moment and its reason, whatever else lies there."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import DataError
from contract.scene import Keep
from edge.scene.keeping import Keeper
from edge.scene.masks import Masks
from tests.edge.scene.views import answer, frame
from tests.trainer.kept_pictures import keep
from trainer.retraining.kept_frames import UNKNOWN, kept_frames


def test_the_folder_says_the_device_and_the_name_the_rest(tmp_path: Path) -> None:
    keep(tmp_path / "cam-1", 1)
    keep(tmp_path / "cam-2" / "kept", 2, why="crossed-gate", day="20260715")
    one, two = kept_frames([tmp_path]).frames
    assert (one.device, one.source, one.why, one.moment) == (
        "cam-1",
        "front-door",
        "unsure",
        "2026-07-14T20:15:01.250Z",
    )
    assert (two.device, two.why, two.group) == ("cam-2", "crossed-gate", "cam-2 2026-07-15")
    assert one.result is not None
    assert one.result.model == "pets@3"
    assert [one.device for one in kept_frames([tmp_path / "cam-2" / "kept"]).frames] == ["cam-2"]


def test_what_the_keeper_of_a_device_writes_is_read(tmp_path: Path) -> None:
    keeper = Keeper(Keep(), Masks([]), "front door", tmp_path / "cam-9" / "kept")
    keeper.picture(frame(7, 0.7), answer(7), "unsure")
    keeper.close()
    (found,) = kept_frames([tmp_path / "cam-9" / "kept"]).frames
    assert (found.device, found.source, found.why) == ("cam-9", "front-door", "unsure")
    assert found.result is not None
    assert found.result.frame == 7


def test_clips_are_counted_and_other_pictures_are_taken(tmp_path: Path) -> None:
    keep(tmp_path, 1, result=False).rename(tmp_path / "holiday.png")
    (tmp_path / "20260714T201503.250Z_a_b_1_clip.mjpeg").write_bytes(b"")
    (tmp_path / "20260714T201503.250Z_a_b_1_clip.json").write_text("{}")
    kept = kept_frames([tmp_path])
    assert kept.clips == 1
    assert [(one.why, one.result) for one in kept.frames] == [(UNKNOWN, None)]


def test_a_spoilt_result_is_named_and_costs_no_picture(tmp_path: Path) -> None:
    keep(tmp_path, 1).with_suffix(".json").write_text('{"source": 3}')
    (found,) = kept_frames([tmp_path]).frames
    assert found.result is None
    assert "source" in found.result_problem


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_nothing_kept_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no such folder|no kept picture"):
        kept_frames([tmp_path / name])
