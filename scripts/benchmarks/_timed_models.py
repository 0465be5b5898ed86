"""Two models to time, built once into a cache folder: random weights, real shapes, answers like a trained model's.

`python -m scripts.benchmarks._timed_models FOLDER` builds them, in a process of its own, because TensorFlow would weigh
on everything timed beside it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from contract.manifest import Classify, Manifest, Preprocessing
from converters.sealing import sealed
from devices.keys import development_signer
from edge.backends import open_backend

SIZES = {"small": 128, "large": 224}
"""MobileNet 0.25 at 128 and MobileNetV2 1.0 at 224: one and about ten milliseconds on a PC core."""


class Timed(NamedTuple):
    """One of them, bare and as a bundle."""

    size: int
    model: Path
    bundle: Path


def timed_models() -> dict[str, Timed]:
    """Both, built when they are not there yet."""
    folder = Path(tempfile.gettempdir()) / "edgeferry-timed-models-2"
    found = {name: Timed(size, folder / f"{name}.tflite", folder / f"{name}.bundle") for name, size in SIZES.items()}
    if not all(one.model.exists() for one in found.values()):
        folder.mkdir(exist_ok=True)
        subprocess.run([sys.executable, "-m", __name__, str(folder)], check=True, capture_output=True)
    for name, one in found.items():
        _seal(name, one)
    return found


def _seal(name: str, one: Timed) -> None:
    data = one.model.read_bytes()
    backend = open_backend("tflite", data)
    manifest = Manifest(
        name=name,
        version=1,
        task="classify",
        profile="generic-x86_64",
        format="tflite",
        model="model.tflite",
        inputs=backend.inputs,
        preprocessing=Preprocessing(size_wh=(one.size, one.size)),
        outputs=backend.outputs,
        decoding=Classify(scores=backend.outputs[0].name),
        labels=tuple(f"class {number}" for number in range(backend.outputs[0].shape[-1])),
    )
    one.bundle.write_bytes(sealed(manifest, {"model.tflite": data}, development_signer()))


def _build(folder: Path) -> None:
    import keras

    shape = {name: (size, size, 3) for name, size in SIZES.items()}
    small = keras.applications.MobileNet(shape["small"], alpha=0.25, weights=None, classes=1000)
    large = keras.applications.MobileNetV2(shape["large"], alpha=1.0, weights=None, classes=1000)
    for name, model in (("small", small), ("large", large)):
        _make_a_few_classes_score(model)
        (folder / f"{name}.tflite").write_bytes(_converted(model, shape[name]))


def _make_a_few_classes_score(model: Any) -> None:
    """With random weights alone all classes are as good as 0, and picking the best ones costs other work than usual."""
    last = [layer for layer in model.layers if layer.get_weights()][-1]
    kernel, bias = last.get_weights()
    last.set_weights([kernel, np.random.default_rng(0).normal(0.0, 3.0, bias.shape)])


def _converted(model: Any, shape: tuple[int, int, int]) -> bytes:
    import tensorflow as tf

    def examples() -> Any:
        random = np.random.default_rng(0)
        for _ in range(4):
            yield [random.random((1, *shape), np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = examples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


if __name__ == "__main__":
    _build(Path(sys.argv[1]))
