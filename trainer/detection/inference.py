"""A detector asked about fitted pictures, its answers decoded by the code of the device.

The model's raw outputs go through `edge.decoders` as a bundle's do: what is measured here is what a device would say.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from contract.decoding import DetectGrid
from contract.manifest import Manifest, Preprocessing, TensorSpec
from edge.average_precision import Average
from edge.marked import Found, as_found, lowered
from edge.postprocess import Decoder, decoder_for
from edge.preprocess import real_values
from trainer.detection.dataset import Detected
from trainer.detection.decoding import BOXES, SCORES, decoding_of
from trainer.detection.fitting import Look
from trainer.detection.grid import Grid
from trainer.detection.settings import DetectionSettings

_BATCH = 16


def found_by(
    model: keras.Model,
    frames: NDArray[np.uint8],
    prep: Preprocessing,
    decoding: DetectGrid,
    labels: Sequence[str],
) -> list[Found]:
    """What a Keras detector finds in each of the fitted pictures (N, H, W, C), in their pixels."""
    decoder = decoder_of(decoding, prep, labels, model.output[BOXES].shape[1])
    found = []
    for start in range(0, len(frames), _BATCH):
        out = model(real_values(frames[start : start + _BATCH], prep), training=False)
        raw = {name: np.asarray(out[name]) for name in (BOXES, SCORES)}
        for number in range(len(raw[BOXES])):
            one = {name: values[number : number + 1] for name, values in raw.items()}
            found.append(as_found(decoder.decode(one, prep.size_wh).detections or ()))
    return found


def decoder_of(decoding: DetectGrid, prep: Preprocessing, labels: Sequence[str], cells: int) -> Decoder:
    """The device's decoder, for the outputs of a floating-point detector with that many cells."""
    manifest = Manifest(
        name="model",
        version=1,
        task="detect",
        profile="host",
        format="tflite",
        model="model.tflite",
        inputs=(),
        preprocessing=prep,
        outputs=(
            TensorSpec(name=BOXES, shape=(1, cells, 4), dtype="float32"),
            TensorSpec(name=SCORES, shape=(1, cells, len(labels)), dtype="float32"),
        ),
        decoding=decoding,
        labels=tuple(labels),
    )
    return decoder_for(manifest)


def looking_at(
    pictures: Detected, prep: Preprocessing, grid: Grid, settings: DetectionSettings, labels: Sequence[str]
) -> Look:
    """What measures a model's mAP50-95 on `pictures` while it trains."""
    lowest = lowered(decoding_of(grid, settings))

    def look(model: keras.Model) -> float:
        found = found_by(model, pictures.frames, prep, lowest, labels)
        return Average(pictures.marked, found, len(labels)).map50_95

    return look
