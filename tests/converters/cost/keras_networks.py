"""Converts networks of each family to int8 and counts their work in Keras: `python -m … FOLDER`.

In a process of its own: TensorFlow and ONNX do not meet in one (docs/converters.md). Leaves NAME.tflite and NAME.json.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from contract.codec import to_json
from devices.profiles import load_profile
from trainer.learning import framework
from trainer.settings import InputSettings, NetworkSettings

GREY, COLOUR = InputSettings(size_wh=(32, 32), colour="grey"), InputSettings(size_wh=(96, 64))
NETWORKS = {
    "residual": (GREY, NetworkSettings()),
    "residual-deep": (COLOUR, NetworkSettings(width=0.5, depth=2)),
    "mobile": (COLOUR, NetworkSettings(family="mobile", width=0.5)),
    "mobilenet_v1": (COLOUR, NetworkSettings(family="mobilenet_v1", width=0.25)),
    "mobilenet_v2": (COLOUR, NetworkSettings(family="mobilenet_v2", width=0.35)),
}


def _answers(model: Any, tensors: Mapping[str, Any]) -> list[Any]:
    return [model(tensors["image"], training=False)]


def main(folder: Path) -> None:
    """All of them, with noise for calibration: sizes and operators do not depend on it."""
    framework.prepare(threads=2, seed=1)
    from converters.tensorflow_model import Network
    from converters.tflite_from_tensorflow import to_tflite
    from trainer.architecture.networks import build_classifier
    from trainer.architecture.work import network_work

    for name, (prep, settings) in NETWORKS.items():
        model = build_classifier(prep, 10, settings)
        shape = (1, *model.input_shape[1:])
        network = Network({"image": shape}, ("scores",), partial(_answers, model), any_batch=True)
        feeds = [{"image": np.random.default_rng(0).random(shape, np.float32)}]
        (folder / f"{name}.tflite").write_bytes(to_tflite(network, "tflite-int8", feeds, where=name))  # type: ignore[arg-type]
        counted = network_work(model).counted(load_profile("rpi4"), "int8")
        (folder / f"{name}.json").write_bytes(to_json(counted))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
