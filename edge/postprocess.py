"""From a model's raw outputs to an answer with labels, by the manifest's `decoding`: the table of output formats."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from contract.manifest import (
    Anomaly,
    Classify,
    DetectAnchors,
    DetectBoxes,
    DetectCorners,
    DetectGrid,
    DetectHeatmap,
    Keypoints,
    Manifest,
    Regress,
    Segment,
)
from edge.decoders import Decoded, Decoder
from edge.quantisation import Tensor, dequantise

__all__ = ["Decoded", "Decoder", "decode", "decoder_for", "dequantise"]

DECODERS: dict[type, tuple[str, str]] = {
    Classify: ("classify", "ClassDecoder"),
    DetectBoxes: ("detect_boxes", "BoxDecoder"),
    DetectCorners: ("detect_corners", "CornerDecoder"),
    DetectAnchors: ("detect_anchors", "AnchorDecoder"),
    DetectGrid: ("detect_grid", "GridDecoder"),
    DetectHeatmap: ("detect_heatmap", "HeatmapDecoder"),
    Segment: ("segment", "SegmentDecoder"),
    Keypoints: ("keypoints", "KeypointDecoder"),
    Regress: ("regress", "ValueDecoder"),
    Anomaly: ("anomaly", "AnomalyDecoder"),
}
"""File in `edge/decoders/` and class in it; a device reads the one file its model needs."""


def decoder_for(manifest: Manifest) -> Decoder:
    """The decoder of one model; ModelError where its outputs cannot be what the manifest says."""
    file, name = DECODERS[type(manifest.decoding)]
    kind = getattr(importlib.import_module(f"edge.decoders.{file}"), name)
    decoder: Decoder = kind(manifest, manifest.decoding)
    return decoder


def decode(outputs: Mapping[str, Tensor], manifest: Manifest, frame_wh: tuple[int, int] | None = None) -> Decoded:
    """The answer in `outputs`, for once; without `frame_wh` the frame is taken to have the model's own size."""
    return decoder_for(manifest).decode(outputs, frame_wh or manifest.preprocessing.size_wh)
