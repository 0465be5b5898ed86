"""Raw SSD outputs: offsets from anchors and class scores, decoded as the TF object detection API encodes them.

Formulas: `object_detection/box_coders/faster_rcnn_box_coder.py`; the same as in TensorFlow Lite's
`detection_postprocess.cc`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from contract.decoding import AnchorGrid
from contract.manifest import DetectAnchors, Manifest
from edge.decoders import Decoded, output_spec
from edge.decoders.nms import Indices
from edge.decoders.scores import Scores
from edge.decoders.selection import Corners, Selector, corners_of_centres
from edge.quantisation import Tensor, dequantise


class AnchorDecoder:
    """Detections from (1, N, 4) offsets and (1, N, C) scores."""

    def __init__(self, manifest: Manifest, decoding: DetectAnchors) -> None:
        self._decoding = decoding
        self._box_spec = output_spec(manifest, decoding.boxes)
        spec = output_spec(manifest, decoding.scores)
        self._scores = Scores(spec, decoding.activation, decoding.score_threshold, decoding.background)
        self._selector = Selector(manifest, decoding, decoding.boxes)
        size = manifest.preprocessing.size_wh
        self._anchors = anchors_xywh(decoding.anchors) * np.array([*size, *size], np.float32)
        self._scales = np.array(decoding.scales_xywh, np.float32)
        self._columns = [0, 1, 2, 3] if decoding.order == "xywh" else [1, 0, 3, 2]

    def decode(self, outputs: Mapping[str, Tensor], frame_wh: tuple[int, int]) -> Decoded:
        """The detections in the raw outputs; BackendError where they hold numbers that are not finite."""
        offsets = outputs[self._decoding.boxes][0]

        def corners_of(places: Indices) -> Corners:
            stored = dequantise(offsets[places], self._box_spec)
            x, y, width, height = (stored[:, self._columns] / self._scales).T
            at_x, at_y, anchor_width, anchor_height = self._anchors[places].T
            return corners_of_centres(
                x * anchor_width + at_x,
                y * anchor_height + at_y,
                np.exp(width) * anchor_width,
                np.exp(height) * anchor_height,
            )

        best = self._scores.best(outputs[self._decoding.scores][0], class_axis=1)
        return self._selector.detections(best, corners_of, frame_wh)


def anchors_xywh(grids: tuple[AnchorGrid, ...]) -> NDArray[np.float32]:
    """All anchors (N, 4), centre and size in 0..1 of the picture, in the order of the boxes."""
    return np.concatenate([_anchors_of(grid) for grid in grids], dtype=np.float32)


def _anchors_of(grid: AnchorGrid) -> NDArray[np.float64]:
    columns, rows = grid.cells_wh
    sizes = np.array(grid.sizes_wh)
    y, x = np.divmod(np.arange(columns * rows), columns)
    centres = np.stack(((x + 0.5) / columns, (y + 0.5) / rows), axis=1)
    return np.concatenate((np.repeat(centres, len(sizes), axis=0), np.tile(sizes, (len(centres), 1))), axis=1)
