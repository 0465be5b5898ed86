"""Numbers a model estimates, by name and unit."""

from __future__ import annotations

import math
from collections.abc import Mapping

from contract.decoding import Estimate
from contract.manifest import Manifest, Regress
from contract.result import Value
from edge.decoders import Decoded, not_finite, output_spec
from edge.quantisation import Tensor, dequantise


class ValueDecoder:
    """The manifest's values, in its order."""

    def __init__(self, manifest: Manifest, decoding: Regress) -> None:
        self._read = [(one, output_spec(manifest, one.output)) for one in decoding.values]

    def decode(self, outputs: Mapping[str, Tensor], frame_wh: tuple[int, int]) -> Decoded:
        """The values in the raw outputs; BackendError where one is not finite."""
        values = []
        for one, spec in self._read:
            stored = outputs[one.output].reshape(-1)[one.index : one.index + 1]
            value = dequantise(stored, spec).item()
            if not math.isfinite(value):
                raise not_finite(one.output)
            values.append(Value(name=one.name, value=value, unit=one.unit, alarm=_alarm(one, value)))
        return Decoded(values=tuple(values))


def _alarm(one: Estimate, value: float) -> bool | None:
    if one.low is None and one.high is None:
        return None
    return (one.low is not None and value < one.low) or (one.high is not None and value > one.high)
