"""Keras layers that round as an int8 file does, and let gradients pass as if they had not.

TensorFlow's own operations round (`tf.quantization`, Jacob et al., arXiv 1712.05877), because the TFLite converter
reads scales and zero points off exactly these. Weights: symmetric, narrow (-127..127 for 8 bits), one scale for each
output channel of a convolution and one for a whole Dense, whose converter has no other. Activations: one scale a
tensor, zero among the values, as the 8-bit specification wants it (ai.google.dev/edge/litert/models/quantization_spec).

Importing this file registers the layers, after which `keras.models.load_model` knows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

PACKAGE = "edgeferry"
_registered = keras.saving.register_keras_serializable(package=PACKAGE)
BITS = 8
NARROWEST = 1e-6
"""Least width of a range and least size of a largest weight: a scale of zero divides by zero in the file."""
MOMENTUM = 0.99
"""Share of an old range that stays at each step of training."""


def rounded_per_channel(kernel: Any, bits: int) -> Any:
    """`kernel` (..., channels) float32 with each channel on its own grid of 2^bits - 1 steps, symmetric around zero."""
    axes = list(range(len(kernel.shape) - 1))
    largest = tf.maximum(tf.stop_gradient(tf.reduce_max(tf.abs(kernel), axis=axes)), NARROWEST)
    return tf.quantization.fake_quant_with_min_max_vars_per_channel(
        kernel, -largest, largest, num_bits=bits, narrow_range=True
    )


def rounded_per_tensor(kernel: Any, bits: int) -> Any:
    """`kernel` of any shape on one grid of 2^bits - 1 steps, symmetric around zero."""
    largest = tf.maximum(tf.stop_gradient(tf.reduce_max(tf.abs(kernel))), NARROWEST)
    return tf.quantization.fake_quant_with_min_max_vars(kernel, -largest, largest, num_bits=bits, narrow_range=True)


@_registered
class RoundedConv2D(keras.layers.Conv2D):  # type: ignore[misc]
    """A convolution whose kernel (h, w, in, out) is rounded channel by channel, or whole with `per_tensor`."""

    def __init__(self, *args: Any, weight_bits: int = BITS, per_tensor: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.weight_bits, self.per_tensor = weight_bits, per_tensor

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Keras calls it with the kernel; the bias is added afterwards."""
        rounded = rounded_per_tensor if self.per_tensor else rounded_per_channel
        return super().convolution_op(inputs, rounded(tf.convert_to_tensor(kernel), self.weight_bits))

    def get_config(self) -> dict[str, Any]:
        """With what this class adds."""
        return {**super().get_config(), "weight_bits": self.weight_bits, "per_tensor": self.per_tensor}


@_registered
class RoundedDepthwiseConv2D(keras.layers.DepthwiseConv2D):  # type: ignore[misc]
    """A depthwise convolution whose kernel is rounded for each of its input times multiplier output channels."""

    def __init__(self, *args: Any, weight_bits: int = BITS, per_tensor: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.weight_bits, self.per_tensor = weight_bits, per_tensor

    def call(self, inputs: Any) -> Any:
        """As Keras computes it, with another kernel; this layer has no activation of its own."""
        outputs = keras.ops.depthwise_conv(
            inputs, self._rounded(), strides=self.strides, padding=self.padding, dilation_rate=self.dilation_rate
        )
        return outputs + self.bias if self.use_bias else outputs

    def _rounded(self) -> Any:
        kernel = tf.convert_to_tensor(self.kernel)
        if self.per_tensor:
            return rounded_per_tensor(kernel, self.weight_bits)
        # (h, w, in, multiplier): the file has one axis of channels, and the operation knows only the last one.
        height, width, channels, multiplier = kernel.shape
        flat = tf.reshape(kernel, (height, width, channels * multiplier))
        return tf.reshape(rounded_per_channel(flat, self.weight_bits), kernel.shape)

    def get_config(self) -> dict[str, Any]:
        """With what this class adds."""
        return {**super().get_config(), "weight_bits": self.weight_bits, "per_tensor": self.per_tensor}


@_registered
class RoundedDense(keras.layers.Dense):  # type: ignore[misc]
    """A Dense whose kernel (in, out) is rounded whole: with a scale a column the converter ends in an error."""

    def __init__(self, *args: Any, weight_bits: int = BITS, **options: Any) -> None:
        super().__init__(*args, **options)
        self.weight_bits = weight_bits

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """As Keras computes it, with another kernel; this layer has no activation of its own."""
        outputs = keras.ops.matmul(inputs, rounded_per_tensor(tf.convert_to_tensor(self.kernel), self.weight_bits))
        return outputs + self.bias if self.use_bias else outputs

    def get_config(self) -> dict[str, Any]:
        """With what this class adds."""
        return {**super().get_config(), "weight_bits": self.weight_bits}


@_registered
class FixedRange(keras.layers.Layer):  # type: ignore[misc]
    """Rounds to a range known beforehand: the pixels' at the input, 0..255/256 after a softmax or sigmoid.

    With `while_training` false nothing is rounded then: a score that is rounded to zero has no gradient.
    """

    def __init__(self, low: float, high: float, bits: int = BITS, while_training: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.low, self.high, self.bits, self.while_training = low, high, bits, while_training

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Same shape."""
        if training and not self.while_training:
            return inputs
        return tf.quantization.fake_quant_with_min_max_args(inputs, self.low, self.high, num_bits=self.bits)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Unchanged."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """With what this class adds."""
        own = {"low": self.low, "high": self.high, "bits": self.bits, "while_training": self.while_training}
        return {**super().get_config(), **own}


@_registered
class MovingRange(keras.layers.Layer):  # type: ignore[misc]
    """Rounds to the range of what passes: widened while observing, then moved a little at each step of training."""

    def __init__(self, bits: int = BITS, momentum: float = MOMENTUM, **options: Any) -> None:
        super().__init__(**options)
        self.bits, self.momentum = bits, momentum
        self._observing = False

    def build(self, _: Any) -> None:
        """Two numbers that no gradient changes."""
        self.low = self.add_weight(name="low", shape=(), initializer="zeros", trainable=False)
        self.high = self.add_weight(
            name="high", shape=(), initializer=keras.initializers.Constant(NARROWEST), trainable=False
        )

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Same shape; unrounded while observing."""
        if self._observing:
            low, high = _extremes(inputs)
            self.low.assign(tf.minimum(self.low, low))
            self.high.assign(tf.maximum(self.high, high))
            return inputs
        if training:
            low, high = _extremes(tf.stop_gradient(inputs))
            self.low.assign(self.momentum * self.low + (1.0 - self.momentum) * low)
            self.high.assign(self.momentum * self.high + (1.0 - self.momentum) * high)
        return tf.quantization.fake_quant_with_min_max_vars(
            inputs, tf.convert_to_tensor(self.low), tf.convert_to_tensor(self.high), num_bits=self.bits
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Unchanged."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """With what this class adds."""
        return {**super().get_config(), "bits": self.bits, "momentum": self.momentum}


@contextmanager
def observing(model: keras.Model) -> Iterator[None]:
    """Inside, calling `model` eagerly widens its moving ranges to what it sees and rounds no activation."""
    ranges = [layer for layer in model.layers if isinstance(layer, MovingRange)]
    for layer in ranges:
        layer._observing = True
    try:
        yield
    finally:
        for layer in ranges:
            layer._observing = False


def _extremes(values: Any) -> tuple[Any, Any]:
    """Smallest and largest of `values` and zero, never equal."""
    return tf.minimum(tf.reduce_min(values), 0.0), tf.maximum(tf.reduce_max(values), NARROWEST)
