"""Pairs of models as they follow each other in a fleet, trained once into a cache folder.

`python -m scripts.benchmarks._delta_pairs FOLDER` trains one network on the scikit-learn digits, then trains it on in
the ways people do, and converts each with the project's own converters; in a process of its own, because of TensorFlow.
Ways: only the last layer; the last stage; every layer with a small or a usual learning rate; everything anew with
another seed; and nothing at all, with other calibration pictures. `-recalibrated` changes those pictures too.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

BASE = "base"
WAYS = {
    "calibrated-anew": ((), 0.0, 0),
    "head": (("logits",), 1e-3, 4),
    "last-stage": (("stage3", "logits"), 1e-3, 4),
    "fine-tuned-gently": (("",), 1e-5, 2),
    "fine-tuned": (("",), 1e-3, 2),
}
"""Layers trained on (by the beginnings of their names), learning rate, epochs."""
RETRAINED = "retrained"
WIDTH = 2.0
"""Half a million weights: larger than digits need, and nearer to what people deploy."""


def delta_models() -> dict[str, Path]:
    """Every model by its name: `base`, and each way's; `.tflite`, and some `.onnx`. Trained when not there yet."""
    folder = Path(tempfile.gettempdir()) / "edgeferry-delta-pairs-1"
    if not (folder / "done").exists():
        folder.mkdir(exist_ok=True)
        subprocess.run([sys.executable, "-m", __name__, str(folder)], check=True, capture_output=True)
    return {path.name: path for path in sorted(folder.glob("*.*"))}


def _build(folder: Path) -> None:
    from trainer.learning import framework

    framework.prepare(threads=2, seed=1)
    pictures, labels = _digits()
    model = _network()
    _train(model, pictures, labels, 1e-3, 8)
    _write(folder, BASE, model, pictures[:100], onnx=True)
    weights = model.get_weights()
    for way, (layers, rate, epochs) in WAYS.items():
        model.set_weights(weights)
        for layer in model.layers:
            layer.trainable = layer.name.startswith(layers)
        if epochs:
            _train(model, pictures[400:], labels[400:], rate, epochs)
            _write(folder, way, model, pictures[:100], onnx=way in ("head", "fine-tuned-gently"))
        _write(folder, f"{way}-recalibrated" if epochs else way, model, pictures[500:600])
    framework.prepare(threads=2, seed=2)
    model = _network()
    _train(model, pictures, labels, 1e-3, 8)
    _write(folder, RETRAINED, model, pictures[:100])
    (folder / "done").touch()


def _digits() -> tuple[Any, Any]:
    """1797 pictures (N, 32, 32, 1), real 0..1, and their classes."""
    from sklearn.datasets import load_digits

    scans = load_digits()
    pictures = np.kron(scans.images, np.ones((4, 4)))[..., np.newaxis] / 16
    return pictures.astype(np.float32), scans.target


def _network() -> Any:
    from contract.manifest import Preprocessing
    from trainer.architecture.networks import build_classifier
    from trainer.settings import NetworkSettings

    prep = Preprocessing(size_wh=(32, 32), colour="grey")
    return build_classifier(prep, 10, NetworkSettings(width=WIDTH))


def _train(model: Any, pictures: Any, labels: Any, rate: float, epochs: int) -> None:
    import keras

    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    model.fit(pictures, labels, batch_size=64, epochs=epochs, verbose=0)


def _write(folder: Path, name: str, model: Any, calibration: Any, *, onnx: bool = False) -> None:
    from converters.onnx_float import to_onnx
    from converters.onnx_int8 import quantise
    from converters.tflite_int8 import to_tflite

    (folder / f"{name}.tflite").write_bytes(to_tflite(model, calibration, where=name))
    if onnx:
        floating = folder / "floating"
        floating.write_bytes(to_onnx(model, calibration.shape[1:], where=name))
        (folder / f"{name}.onnx").write_bytes(quantise(floating, calibration, where=name))


if __name__ == "__main__":
    _build(Path(sys.argv[1]))
