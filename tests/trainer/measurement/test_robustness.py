"""The robustness grid, of a classifier whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from contract.errors import ConfigError
from tests.trainer.evaluated import pictures
from trainer.measurement.corruptions import KINDS
from trainer.measurement.robustness import robustness


def bright(frames: np.ndarray) -> np.ndarray:
    """Class 1 for a picture brighter than the middle."""
    return np.asarray(frames.reshape(len(frames), -1).mean(axis=1) > 125, np.int64)


def test_a_judge_of_brightness_is_fooled_by_brightness_and_not_by_blur() -> None:
    shown = pictures(np.zeros(40, np.int64))
    shown = pictures(bright(shown.frames))
    said: list[str] = []
    found = robustness(bright, shown, limit=30, seed=2, said=said.append)
    assert (found.pictures, found.clean, len(said)) == (30, 1.0, len(KINDS))
    assert tuple(found.grid) == KINDS
    assert found.grid["defocus_blur"] == (1.0,) * 5
    assert found.grid["brightness"][0] > found.grid["brightness"][4]
    assert found.grid["brightness"][4] < 0.7
    assert found.mean == pytest.approx(np.mean([np.mean(row) for row in found.grid.values()]))
    assert np.mean(found.grid[found.worst]) == min(np.mean(row) for row in found.grid.values())
    assert robustness(bright, shown, limit=30, seed=2) == found


def test_pictures_too_small_for_it_are_refused() -> None:
    shown = pictures(np.zeros(4, np.int64))
    small = type(shown)(frames=shown.frames[:, :16], labels=shown.labels, names=shown.names, digests=shown.digests)
    with pytest.raises(ConfigError, match="too small"):
        robustness(bright, small, limit=4, seed=0)
