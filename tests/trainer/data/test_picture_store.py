"""One array for all pictures, wherever it lies, and put in another order where it lies."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from contract.errors import DataError
from tests.trainer.drawn_pictures import draw
from trainer.data.dataset import prepare
from trainer.data.origin import SPLITS, open_origin
from trainer.data.picture_store import MIB, put_in_order, room
from trainer.settings import DataSettings, InputSettings


def files_held() -> set[str]:
    """What this process holds open of temporary files that have no name any more."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    return {line.split(maxsplit=5)[5] for line in maps if line.endswith("(deleted)") and tempfile.gettempdir() in line}


@pytest.mark.parametrize("in_memory_mib", [0, 64])
def test_room_is_zero_and_writable(in_memory_mib: int) -> None:
    frames = room((5, 4, 3, 1), in_memory_mib=in_memory_mib)
    assert frames.shape == (5, 4, 3, 1)
    assert not frames.any()
    frames[2] = 200
    assert frames.sum() == 200 * 12


def test_pictures_over_the_limit_lie_in_a_file_that_is_gone_with_them() -> None:
    before = files_held()
    frames = room((3, MIB), in_memory_mib=2)
    assert len(files_held() - before) == 1
    assert list(Path(tempfile.gettempdir()).glob("tmp*/frames*")) == []
    del frames
    assert files_held() == before


def test_a_disk_without_room_is_said() -> None:
    with pytest.raises(DataError, match="find no room"):
        room((2**20, 2**30), in_memory_mib=1)


@pytest.mark.parametrize("count", [1, 2, 7, 50])
def test_rows_are_put_in_any_order(count: int) -> None:
    drawn = np.random.default_rng(count)
    frames = drawn.integers(0, 256, (count, 3, 2, 1), dtype=np.uint8)
    for _ in range(20):
        order, before = drawn.permutation(count), frames.copy()
        put_in_order(frames, order)
        assert np.array_equal(frames, before[order])


def test_where_pictures_lie_changes_nothing_about_them(tmp_path: Path) -> None:
    draw(tmp_path, {"train/cat": 9, "train/dog": 8, "test/cat": 3, "test/dog": 3})
    origin, prep = open_origin(str(tmp_path)), InputSettings(size_wh=(16, 12))
    inside, outside = (prepare(origin, prep, seed=1, settings=DataSettings(in_memory_mib=mib)) for mib in (64, 0))
    assert inside.record == outside.record
    for name in SPLITS:
        one, two = inside.splits[name], outside.splits[name]
        assert one.names == two.names
        assert np.array_equal(one.labels, two.labels)
        assert np.array_equal(one.frames, two.frames)
    assert inside.splits["test"].frames.base is inside.splits["train"].frames.base
