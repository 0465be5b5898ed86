"""The detector's shapes, its first answers, and what it is made of."""

from __future__ import annotations

import numpy as np
import pytest

from contract.errors import ConfigError
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.settings import InputSettings, NetworkSettings

pytestmark = WITH_TENSORFLOW


@pytest.mark.parametrize("stride", [4, 8, 16])
def test_one_box_and_its_scores_a_cell(stride: int) -> None:
    from trainer.detection.grid import Grid
    from trainer.detection.network import build_detector

    grid = Grid((96, 64), stride)
    model = build_detector(InputSettings(size_wh=(96, 64)), 3, NetworkSettings(width=0.5), grid)
    out = model(np.zeros((2, 64, 96, 3), np.float32))
    assert out["boxes"].shape == (2, 6144 // stride**2, 4)
    assert out["scores"].shape == (2, 6144 // stride**2, 3)
    assert 1 / (1 + np.exp(-np.asarray(out["scores"]))) == pytest.approx(0.01, abs=0.005)
    assert np.asarray(out["boxes"])[..., :2] == pytest.approx(0.5, abs=0.1)


def test_only_layers_an_edge_tpu_maps() -> None:
    from trainer.detection.grid import Grid
    from trainer.detection.network import build_detector

    model = build_detector(InputSettings(size_wh=(64, 64)), 2, NetworkSettings(), Grid((64, 64), 8))
    kinds = {type(layer).__name__ for layer in model.layers}
    assert kinds == {"InputLayer", "Conv2D", "BatchNormalization", "ReLU", "Add", "Resizing", "Reshape"}


def test_a_size_that_cannot_be_halved_four_times_is_refused() -> None:
    from trainer.detection.network import check_size

    with pytest.raises(ConfigError, match="multiples of 16"):
        check_size(InputSettings(size_wh=(320, 200)))
