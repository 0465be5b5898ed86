"""Narrow 1x1 convolutions with strides: their gradients, and the memory these are computed in."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW

pytestmark = WITH_TENSORFLOW
MANY = """
import numpy as np
from trainer.learning import framework
framework.prepare(threads=2, seed=1)
import keras, tensorflow as tf
draw = np.random.default_rng(1)
for _ in range(60):
    pictures = tf.constant(draw.normal(size=(*draw.integers(4, 24, 3), 8)).astype(np.float32))
    layer = keras.layers.Conv2D(int(draw.integers(4, 24)), 1, strides=2, use_bias=False)
    for _ in range(5):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(layer(pictures))
        tape.gradient(total, layer.kernel)
"""


def slopes_of(layer: Any, pictures: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Of the sum of all squares, by the pictures and by the kernel."""
    import tensorflow as tf

    given = tf.constant(pictures)
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.reduce_sum(layer(given) ** 2)
    by_pictures, by_kernel = tape.gradient(total, [given, layer.kernel.value])
    return np.asarray(by_pictures), np.asarray(by_kernel)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("size", "strides"), [((8, 8), (2, 2)), ((7, 10), (2, 3)), ((9, 5), (1, 2))])
def test_slopes_are_those_of_the_formula(padding: str, size: tuple[int, int], strides: tuple[int, int]) -> None:
    import keras

    draw = np.random.default_rng(3)
    pictures = draw.normal(size=(3, *size, 5)).astype(np.float32)
    layer = keras.layers.Conv2D(4, 1, strides=strides, padding=padding, use_bias=False)
    layer.build(pictures.shape)
    kernel = np.asarray(layer.kernel)[0, 0]
    picked = pictures[:, :: strides[0], :: strides[1]]
    by_pictures = np.zeros_like(pictures)
    by_pictures[:, :: strides[0], :: strides[1]] = 2 * picked @ kernel @ kernel.T
    by_kernel = np.einsum("nhwc,nhwf->cf", picked, 2 * picked @ kernel)
    found_by_pictures, found_by_kernel = slopes_of(layer, pictures)
    assert found_by_pictures == pytest.approx(by_pictures, abs=1e-4)
    assert found_by_kernel[0, 0] == pytest.approx(by_kernel, rel=1e-4, abs=1e-4)


def test_a_process_that_computes_many_of_them_lives() -> None:
    """With oneDNN's own it ends in a crash where there is AVX-512."""
    done = subprocess.run([sys.executable, "-c", MANY], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]


def test_a_network_with_such_a_convolution_is_saved_as_any_other(tmp_path: Any) -> None:
    import keras

    pictures = keras.Input((8, 8, 3))
    model = keras.Model(pictures, keras.layers.Conv2D(4, 1, strides=2)(pictures))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[1]) is keras.layers.Conv2D
