"""Every class's score of a bundle's model, where the device's decoder gives the best few.

By the device's own tables of quantisation and its own activations, so that they are the very numbers it ranks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from contract.errors import ConfigError
from contract.manifest import Classify, Manifest
from edge.decoders import not_finite, output_spec
from edge.decoders.scores import sigmoid, softmax
from edge.quantisation import Tensor, dequantise


def full_scores(outputs: Mapping[str, Tensor], manifest: Manifest) -> NDArray[np.float32]:
    """Scores (classes,) in 0..1 from a model's raw outputs.

    A quantised score of zero stands for anything up to half a step and is given as a quarter of one: a zero would be a
    claim of impossibility, which the stored number never made. BackendError where numbers are not finite.
    """
    decoding = manifest.decoding
    if not isinstance(decoding, Classify):
        raise ConfigError(
            f"task {manifest.task!r} has no class scores", where=manifest.release, fix="Use a classifier."
        )
    spec = output_spec(manifest, decoding.scores)
    real = dequantise(outputs[decoding.scores].reshape(-1), spec)
    if not np.isfinite(real).all():
        raise not_finite(spec.name)
    if decoding.activation == "softmax":
        return softmax(real, 0)
    if decoding.activation == "sigmoid":
        return sigmoid(real)
    step = spec.quantization.scale if spec.quantization else 0.0
    return np.clip(real, np.float32(step / 4.0), np.float32(1.0))
