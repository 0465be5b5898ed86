"""Boxes as corners with class scores beside them, overlaps still among them (UltraFace and its like)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from contract.manifest import DetectCorners, Manifest
from edge.decoders import Decoded, output_spec
from edge.decoders.nms import Indices
from edge.decoders.scores import Scores
from edge.decoders.selection import Corners, Selector
from edge.quantisation import Tensor, dequantise


class CornerDecoder:
    """Detections from (1, N, 4) corners and (1, N, C) scores."""

    def __init__(self, manifest: Manifest, decoding: DetectCorners) -> None:
        self._decoding = decoding
        self._box_spec = output_spec(manifest, decoding.boxes)
        spec = output_spec(manifest, decoding.scores)
        self._scores = Scores(spec, decoding.activation, decoding.score_threshold, decoding.background)
        self._selector = Selector(manifest, decoding, decoding.boxes)
        size = manifest.preprocessing.size_wh if decoding.unit == "share" else (1, 1)
        self._unit = np.array([*size, *size], np.float32)
        self._columns = [0, 1, 2, 3] if decoding.order == "xyxy" else [1, 0, 3, 2]

    def decode(self, outputs: Mapping[str, Tensor], frame_wh: tuple[int, int]) -> Decoded:
        """The detections in the raw outputs; BackendError where they hold numbers that are not finite."""
        boxes = outputs[self._decoding.boxes][0]

        def corners_of(places: Indices) -> Corners:
            corners: Corners = dequantise(boxes[places], self._box_spec)[:, self._columns] * self._unit
            return corners

        best = self._scores.best(outputs[self._decoding.scores][0], class_axis=1)
        return self._selector.detections(best, corners_of, frame_wh)
