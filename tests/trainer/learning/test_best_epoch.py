"""The best epoch is remembered with its weights, and a training stops when it has waited long enough."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.trainer.tensorflow_marks import WITH_TENSORFLOW

pytestmark = WITH_TENSORFLOW


@pytest.mark.parametrize(
    ("losses", "best", "stopped_after"),
    [
        ((0.9, 0.5, 0.7, 0.6, 0.4), 2, 4),
        ((0.9, 0.8, 0.7, 0.6, 0.4), 5, None),
        ((math.nan, 0.8, math.nan, 0.9), 2, 4),
        ((math.nan, math.nan, math.nan), 1, 3),
    ],
)
def test_the_lowest_loss_counts_and_patience_ends(
    losses: tuple[float, ...], best: int, stopped_after: int | None
) -> None:
    import keras

    from trainer.learning.best_epoch import BestEpoch

    validated = [np.zeros(1)]
    watching = BestEpoch(patience=2, weights=lambda: [validated[0]])
    watching.set_model(keras.Sequential())
    watching.model.stop_training = False
    for number, loss in enumerate(losses):
        validated[0] = np.array([number + 1])
        watching.on_epoch_end(number, {"val_loss": loss})
        if watching.model.stop_training:
            break
    assert (watching.epoch, watching.weights[0].tolist()) == (best, [best])
    assert (number + 1 if watching.model.stop_training else None) == stopped_after
