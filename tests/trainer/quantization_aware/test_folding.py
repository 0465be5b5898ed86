"""A convolution with batch normalisation folded in computes what the two did."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trainer.tensorflow_marks import WITH_TENSORFLOW

pytestmark = WITH_TENSORFLOW


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
def test_folding_changes_nothing(depthwise: bool, biased: bool, scaled: bool) -> None:
    import keras

    from trainer.quantization_aware.folding import folded, normalisation_of

    drawn = np.random.default_rng(4)

    def convolution(use_bias: bool) -> keras.layers.Layer:
        if depthwise:
            return keras.layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=use_bias)
        return keras.layers.Conv2D(6, 3, use_bias=use_bias)

    before, after = convolution(biased), convolution(True)
    normalisation = keras.layers.BatchNormalization(scale=scaled, center=scaled)
    pictures = drawn.random((4, 8, 8, 3)).astype(np.float32)
    normalisation(before(pictures))
    for variable in normalisation.weights:
        variable.assign(drawn.uniform(0.5, 1.5, variable.shape))
    bias = None
    if biased:
        before.bias.assign(drawn.normal(size=before.bias.shape))
        bias = np.asarray(before.bias)
    wanted = normalisation(before(pictures), training=False)
    after(pictures)
    kernel, offset = folded(np.asarray(before.kernel), bias, normalisation_of(normalisation), depthwise=depthwise)
    after.kernel.assign(kernel)
    after.bias.assign(offset)
    assert np.asarray(after(pictures)) == pytest.approx(np.asarray(wanted), abs=1e-5)
