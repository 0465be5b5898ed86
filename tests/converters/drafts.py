"""Manifests for answers that no model gave: what a test of the gate needs to say what its numbers mean."""

from __future__ import annotations

from typing import Any

from contract.manifest import Decoding, Manifest, Preprocessing, Quantization, TensorSpec

SIZE_WH = (32, 32)


def draft(task: Any, decoding: Decoding, shapes: dict[str, tuple[int, ...]], **changes: Any) -> Manifest:
    """An int8 model of `task` with outputs of these shapes, batch included."""
    quantised = Quantization(scale=1 / 256, zero_point=-128)
    made = {
        "name": "toy",
        "version": 1,
        "task": task,
        "profile": "rpi4",
        "format": "tflite",
        "model": "model.tflite",
        "inputs": (TensorSpec(name="in", shape=(1, 32, 32, 3), dtype="int8", quantization=quantised),),
        "preprocessing": Preprocessing(size_wh=SIZE_WH),
        "outputs": tuple(
            TensorSpec(name=name, shape=shape, dtype="int8", quantization=quantised) for name, shape in shapes.items()
        ),
        "decoding": decoding,
        "labels": ("a", "b", "c"),
    }
    return Manifest(**{**made, **changes})
