"""What a model is fed while a converter watches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contract.errors import ModelError
from contract.manifest import Preprocessing, State
from converters.feeds import Feeds, as_input, picture_name
from tests.converters.making import pictures

PLAIN = Preprocessing(size_wh=(32, 32))


def test_pictures_come_one_by_one_in_the_layout_the_model_has(tmp_path: Path) -> None:
    frames = pictures(3, 1)
    np.save(tmp_path / "frames.npy", frames)
    feeds = Feeds(tmp_path / "frames.npy", PLAIN, {"x": (1, 3, 32, 32)})
    assert len(feeds) == 3
    for _ in range(2):
        found = [feed["x"] for feed in feeds]
        assert [each.shape for each in found] == [(1, 3, 32, 32)] * 3
        np.testing.assert_array_equal(found[1][0], frames[1].transpose(2, 0, 1).astype(np.float32) / np.float32(255))


def test_a_state_starts_as_zeros_and_then_is_what_the_model_answered(tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", pictures(3, 1))
    counted = [State(input="before", output="after")]
    inputs = {"before": (1, 2), "x": (1, 32, 32, 3)}
    feeds = Feeds(tmp_path / "frames.npy", PLAIN, inputs, counted, lambda feed: {"after": feed["before"] + 1})
    for _ in range(2):
        assert [list(feed) for feed in feeds] == [["before", "x"]] * 3
        assert [float(feed["before"].max()) for feed in feeds] == [0, 1, 2]


def test_grey_pictures_without_a_channel_and_plain_numbers_fit_too() -> None:
    grey = pictures(1, 1, (28, 28, 1))[0]
    assert as_input(grey, Preprocessing(size_wh=(28, 28), colour="grey", layout="nhw"), (1, 28, 28)).shape == (
        1,
        28,
        28,
    )
    assert as_input(np.array([1.5], np.float32), PLAIN, (1, 1)).tolist() == [[1.5]]


def test_as_many_rows_as_channels_are_told_apart_by_the_layout_said() -> None:
    cube = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    said = Preprocessing(size_wh=(3, 3), layout="nchw", std=(1.0,))
    np.testing.assert_array_equal(as_input(cube, said, (1, 3, 3, 3))[0], cube.transpose(2, 0, 1))
    np.testing.assert_array_equal(as_input(cube, Preprocessing(size_wh=(3, 3), std=(1.0,)), (1, 3, 3, 3))[0], cube)


def test_what_does_not_fit_is_refused_in_words() -> None:
    with pytest.raises(ModelError, match="where pictures are"):
        as_input(pictures(1, 1)[0], PLAIN, (1, 16, 16, 3))
    with pytest.raises(ModelError, match="0 of them said to be states"):
        picture_name(["a", "b"], [])
