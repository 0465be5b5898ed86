"""Rounding by hand, against TensorFlow's own operations, and ranges that move."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.trainer.tensorflow_marks import WITH_TENSORFLOW

pytestmark = WITH_TENSORFLOW


def layers() -> Any:
    from trainer.quantization_aware import fake_quant

    return fake_quant


def test_each_channel_has_its_own_grid_around_zero() -> None:
    kernel = np.array([[3.0, 0.3], [1.4, -0.26], [-2.6, 0.14]], np.float32)  # 3 bits: seven steps from -3 to 3
    rounded = np.asarray(layers().rounded_per_channel(kernel, 3))
    assert rounded == pytest.approx(np.array([[3.0, 0.3], [1.0, -0.3], [-3.0, 0.1]], np.float32), abs=1e-6)


def test_a_whole_kernel_has_one_grid() -> None:
    kernel = np.array([[7.0, 0.3], [1.4, -0.6], [-2.6, 0.4]], np.float32)  # 4 bits: whole numbers from -7 to 7
    rounded = np.asarray(layers().rounded_per_tensor(kernel, 4))
    assert rounded == pytest.approx(np.array([[7, 0], [1, -1], [-3, 0]], np.float32), abs=1e-6)


def test_eight_bits_are_127_steps_each_way() -> None:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 6)).astype(np.float32)
    largest = np.abs(kernel).max(axis=(0, 1, 2))
    by_hand = np.round(kernel / largest * 127) * largest / 127
    assert np.asarray(layers().rounded_per_channel(kernel, 8)) == pytest.approx(by_hand, abs=1e-6)


def test_a_channel_of_zeros_stays_zero() -> None:
    kernel = np.array([[0.0, 1.0], [0.0, -1.0]], np.float32)
    assert np.asarray(layers().rounded_per_channel(kernel, 8)) == pytest.approx(kernel)


def test_gradients_pass_as_if_nothing_were_rounded() -> None:
    import tensorflow as tf

    kernel = tf.Variable(np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32))
    for rounded in (layers().rounded_per_channel, layers().rounded_per_tensor):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(rounded(kernel, 8))
        assert np.asarray(tape.gradient(total, kernel)) == pytest.approx(np.ones((5, 4)))


@pytest.mark.parametrize("multiplier", [1, 2])
def test_a_depthwise_kernel_is_rounded_output_channel_by_output_channel(multiplier: int) -> None:
    import tensorflow as tf

    layer = layers().RoundedDepthwiseConv2D(3, padding="same", depth_multiplier=multiplier)
    pictures = np.random.default_rng(1).random((2, 6, 6, 4)).astype(np.float32)
    answered = np.asarray(layer(pictures))
    kernel = np.asarray(layer.kernel)
    largest = np.abs(kernel).max(axis=(0, 1))  # (in, multiplier)
    by_hand = (np.round(kernel / largest * 127) * largest / 127).astype(np.float32)
    wanted = tf.nn.depthwise_conv2d(pictures, by_hand, strides=(1, 1, 1, 1), padding="SAME")
    assert answered == pytest.approx(np.asarray(wanted), abs=1e-5)


def test_convolution_and_dense_compute_with_what_tensorflow_rounds() -> None:
    import tensorflow as tf

    drawn = np.random.default_rng(2)
    pictures, features = drawn.random((2, 6, 6, 3)).astype(np.float32), drawn.random((2, 5)).astype(np.float32)
    convolution, dense = layers().RoundedConv2D(4, 3), layers().RoundedDense(4)
    from_convolution, from_dense = convolution(pictures), dense(features)
    largest = np.abs(np.asarray(convolution.kernel)).max(axis=(0, 1, 2))
    kernel = tf.quantization.fake_quant_with_min_max_vars_per_channel(
        convolution.kernel.value, -largest, largest, num_bits=8, narrow_range=True
    )
    whole = np.abs(np.asarray(dense.kernel)).max()
    matrix = tf.quantization.fake_quant_with_min_max_vars(dense.kernel.value, -whole, whole, 8, narrow_range=True)
    wanted = tf.nn.conv2d(pictures, kernel, strides=1, padding="VALID")
    assert np.asarray(from_convolution) == pytest.approx(np.asarray(wanted), abs=1e-6)
    assert np.asarray(from_dense) == pytest.approx(features @ np.asarray(matrix), abs=1e-6)


def test_a_fixed_range_rounds_and_cuts_off() -> None:
    layer = layers().FixedRange(0.0, 255.0)
    assert np.asarray(layer(np.array([-5.0, 3.4, 3.6, 300.0], np.float32))) == pytest.approx([0, 3, 4, 255])


def test_scores_are_not_rounded_while_training() -> None:
    layer = layers().FixedRange(0.0, 255 / 256, while_training=False)
    scores = np.array([0.001, 0.999], np.float32)
    assert np.asarray(layer(scores, training=True)) == pytest.approx(scores)
    assert np.asarray(layer(scores, training=False)) == pytest.approx([0.0, 255 / 256])


def test_a_range_is_observed_and_then_moves_a_hundredth_of_the_way_at_each_step() -> None:
    import keras

    layer = layers().MovingRange(name="range")
    inputs = keras.Input((2,))
    model = keras.Model(inputs, layer(inputs))
    with layers().observing(model):
        seen = model(np.array([[-1.0, 2.0], [0.5, 3.0]], np.float32))
        assert np.asarray(seen) == pytest.approx(np.array([[-1.0, 2.0], [0.5, 3.0]]))
    assert (float(layer.low), float(layer.high)) == pytest.approx((-1.0, 3.0))
    layer(np.array([[-2.0, 5.0]], np.float32), training=True)
    assert (float(layer.low), float(layer.high)) == pytest.approx((-1.01, 3.02))
    layer(np.array([[-9.0, 9.0]], np.float32), training=False)
    assert (float(layer.low), float(layer.high)) == pytest.approx((-1.01, 3.02))


def test_a_range_holds_zero_and_is_never_empty() -> None:
    layer = layers().MovingRange()
    assert np.asarray(layer(np.zeros((1, 3), np.float32), training=True)) == pytest.approx(np.zeros((1, 3)))
    layer(np.full((1, 3), 4.0, np.float32), training=True)
    assert float(layer.low) == 0.0
    assert float(layer.high) == pytest.approx(0.04, rel=1e-3)
