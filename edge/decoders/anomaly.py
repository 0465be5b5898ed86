"""How unusual a picture is: a score of the model's own, or an autoencoder's failure to draw what it was shown.

The reconstruction is compared with the input tensor as the model got it, both in real values, so `LoadedModel` adds
that tensor to the outputs of a decoder that names it in `reads_input`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from contract.errors import ModelError
from contract.manifest import Anomaly, Manifest
from contract.result import Value
from edge.decoders import Decoded, not_finite, output_spec
from edge.quantisation import Tensor, dequantise


class AnomalyDecoder:
    """One value, and whether it is over the limit."""

    def __init__(self, manifest: Manifest, decoding: Anomaly) -> None:
        self._decoding = decoding
        self._output, self._input = output_spec(manifest, decoding.output), manifest.picture_input
        self.reads_input = decoding.measure != "value"
        if self.reads_input and math.prod(self._output.shape) != math.prod(self._input.shape):
            raise ModelError(
                f"a reconstruction of shape {list(self._output.shape)} of an input {list(self._input.shape)}",
                where=f"output {self._output.name!r}",
                fix="Name the output that has the input's size.",
            )

    def decode(self, outputs: Mapping[str, Tensor], frame_wh: tuple[int, int]) -> Decoded:
        """The value in the raw outputs, or the error beside the input among them; BackendError for no number."""
        answer = dequantise(outputs[self._output.name].reshape(-1), self._output)
        value = self._error(answer, outputs) if self.reads_input else answer.item()
        if not math.isfinite(value):
            raise not_finite(self._output.name)
        limit = self._decoding.threshold
        alarm = None if limit is None else value > limit
        return Decoded(values=(Value(name=self._decoding.name, value=value, alarm=alarm),))

    def _error(self, answer: Tensor, outputs: Mapping[str, Tensor]) -> float:
        apart = answer - dequantise(outputs[self._input.name].reshape(-1), self._input)
        if self._decoding.measure == "mean-absolute-error":
            return float(np.abs(apart).mean(dtype=np.float64))
        return float(np.square(apart, dtype=np.float64).mean())
