"""Manifests around one decoding, with tensors a test makes up."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from contract.decoding import TASKS, Decoding
from contract.manifest import Manifest, Preprocessing, Quantization, TensorSpec
from contract.result import Detection
from edge.postprocess import decode
from tests.edge.colours import manifest_of


def manifest_with(
    decoding: Decoding,
    outputs: dict[str, np.ndarray],
    *,
    size_wh: tuple[int, int] = (100, 100),
    resize: str = "stretch",
    quantization: dict[str, Quantization] | None = None,
) -> Manifest:
    """For outputs of just these shapes and types."""
    specs = tuple(
        TensorSpec(
            name=name,
            shape=array.shape,
            dtype=array.dtype.name,  # type: ignore[arg-type]
            quantization=(quantization or {}).get(name),
        )
        for name, array in outputs.items()
    )
    prep = Preprocessing(size_wh=size_wh, resize=resize)  # type: ignore[arg-type]
    return msgspec.structs.replace(
        manifest_of(), task=TASKS[type(decoding)], decoding=decoding, outputs=specs, preprocessing=prep
    )


def found(
    decoding: Decoding, outputs: dict[str, np.ndarray], frame_wh: tuple[int, int] = (100, 100), **options: Any
) -> list[Detection]:
    """The detections in `outputs`."""
    detections = decode(outputs, manifest_with(decoding, outputs, **options), frame_wh).detections
    assert isinstance(detections, tuple)
    return list(detections)


def floats(values: object) -> np.ndarray:
    """As one batch of float32."""
    return np.array([values], np.float32)
