"""The running average: its arithmetic, its place in validation, and every weight of the model in it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trainer.tensorflow_marks import WITH_TENSORFLOW

pytestmark = WITH_TENSORFLOW


def test_the_average_follows_its_formula_for_batch_statistics_too() -> None:
    import keras

    from trainer.learning.averages import WeightAverage

    pictures = keras.Input((3,))
    model = keras.Model(pictures, keras.layers.BatchNormalization()(pictures))
    average = WeightAverage(model, 0.5, steps_done=0)
    model.set_weights([np.full(3, value, np.float32) for value in (1.0, 2.0, 3.0, 4.0)])
    average.on_epoch_begin(0)
    average.on_train_batch_end(1)  # two steps in one call: min(0.5, 3/12) twice
    begun = (1.0, 0.0, 0.0, 1.0)  # gamma, beta, moving mean, moving variance of a new layer
    moved = [start + (1 - 0.25**2) * (now - start) for start, now in zip(begun, (1.0, 2.0, 3.0, 4.0), strict=True)]
    assert [float(value[0]) for value in average.values()] == pytest.approx(moved, rel=1e-6)
    average.on_train_batch_end(2)  # one step more: min(0.5, 4/13)
    moved = [old + (1 - 4 / 13) * (now - old) for old, now in zip(moved, (1.0, 2.0, 3.0, 4.0), strict=True)]
    assert [float(value[0]) for value in average.values()] == pytest.approx(moved, rel=1e-6)
    raw = model.get_weights()
    average.on_test_begin()
    assert [float(value[0]) for value in model.get_weights()] == pytest.approx(moved, rel=1e-6)
    average.on_test_end()
    assert all(np.array_equal(one, two) for one, two in zip(raw, model.get_weights(), strict=True))
    assert [float(value[0]) for value in average.values()] == pytest.approx(moved, rel=1e-6)
