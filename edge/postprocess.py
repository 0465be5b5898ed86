"""From a model's raw outputs to an answer with labels, by the manifest's `decoding`: the table of output formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from contract.manifest import Classify, DetectBoxes, Manifest
from edge.decoders import Decoded, Decoder
from edge.decoders.classify import ClassDecoder
from edge.decoders.detect_boxes import BoxDecoder
from edge.quantisation import Tensor, dequantise

__all__ = ["Decoded", "Decoder", "decode", "decoder_for", "dequantise"]

DECODERS: dict[type, Callable[[Manifest, Any], Decoder]] = {
    Classify: ClassDecoder,
    DetectBoxes: BoxDecoder,
}


def decoder_for(manifest: Manifest) -> Decoder:
    """The decoder of one model."""
    return DECODERS[type(manifest.decoding)](manifest, manifest.decoding)


def decode(outputs: Mapping[str, Tensor], manifest: Manifest, frame_wh: tuple[int, int] | None = None) -> Decoded:
    """The answer in `outputs`, for once; without `frame_wh` the frame is taken to have the model's own size."""
    return decoder_for(manifest).decode(outputs, frame_wh or manifest.preprocessing.size_wh)
