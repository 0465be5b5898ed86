"""The outward form of an ONNX file, as its readers limit it: a choice of the target and no property of the network."""

from __future__ import annotations

from msgspec import Struct

OWN_OPSET = 17
"""What converters of ours write: every runtime the profiles name reads it; ONNX 1.12."""
OLDEST_OPSET = 13
"""Below it QuantizeLinear knows no scale a channel; older files are raised."""
NEWEST_OPSET = 20
"""Of foreign files; TensorRT 10.3 reads no newer one (onnx-tensorrt, docs/operators.md)."""


class OnnxForm(Struct, frozen=True, kw_only=True):
    """What an ONNX artifact must keep to."""

    opset: int = NEWEST_OPSET
    """The newest its readers know."""
    symmetric: bool = False
    """int8 activations around zero, without zero points: TensorRT takes no others."""
    reduce_range: bool = False
    """7-bit weights, for x86 without VNNI where exact 8-bit sums cannot be had (docs/decisions/0004)."""

    @property
    def own_opset(self) -> int:
        """What a converter of ours writes."""
        return min(OWN_OPSET, self.opset)


PLAIN = OnnxForm()
"""For readers of which nothing is known but their libraries."""
