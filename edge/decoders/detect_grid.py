"""Anchor-free heads: one box a cell, thousands of them, with class scores in the same tensor or beside it.

YOLOX's raw head (its `demo_postprocess`), and heads that give boxes ready in the model's picture (YOLOv8 and after).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contract.errors import ModelError
from contract.manifest import DetectGrid, Manifest
from edge.decoders import Decoded, output_spec
from edge.decoders.nms import Indices
from edge.decoders.scores import Best, Scores
from edge.decoders.selection import Corners, Selector, corners_of_centres
from edge.quantisation import Tensor, dequantise


class _Cells(NamedTuple):
    """Of each box, for YOLOX: column, row and pixels a cell, each (N,) float32."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    stride: NDArray[np.float32]


class GridDecoder:
    """Detections from (1, N, 4 + C), (1, 4 + C, N), or both parts apart."""

    def __init__(self, manifest: Manifest, decoding: DetectGrid) -> None:
        self._decoding = decoding
        self._class_axis = 1 if decoding.layout == "rows" else 0
        self._box_spec = output_spec(manifest, decoding.boxes)
        score_spec = output_spec(manifest, decoding.scores or decoding.boxes)
        self._score_name = score_spec.name
        self._first = 0 if decoding.scores else 4
        self._scores = Scores(score_spec, decoding.activation, decoding.score_threshold)
        self._selector = Selector(manifest, decoding, decoding.boxes)
        size = manifest.preprocessing.size_wh if decoding.unit == "share" else (1, 1)
        self._unit = np.array([*size, *size], np.float32)
        boxes = self._box_spec.shape[2 - self._class_axis]
        self._cells = _cells(manifest.preprocessing.size_wh, decoding.strides, boxes) if decoding.strides else None

    def decode(self, outputs: Mapping[str, Tensor], frame_wh: tuple[int, int]) -> Decoded:
        """The detections in the raw outputs; BackendError where they hold numbers that are not finite."""
        boxes = outputs[self._decoding.boxes][0]
        scores = self._numbers(outputs[self._score_name][0], self._first, None)
        best = (
            self._with_objectness(scores) if self._decoding.objectness else self._scores.best(scores, self._class_axis)
        )
        return self._selector.detections(best, lambda places: self._corners(boxes, places), frame_wh)

    def _numbers(self, table: Tensor, start: int, stop: int | None) -> Tensor:
        """Some of the numbers of every box, in the table's own layout."""
        return table[:, start:stop] if self._class_axis else table[start:stop]

    def _with_objectness(self, scores: Tensor) -> Best:
        """No class score is over 1, so where nothing seems to be the classes need not be looked at."""
        there = self._numbers(scores, 0, 1)
        places = self._scores.passing(there, self._class_axis)
        classes = self._numbers(scores, 1, None)
        rows = classes[places] if self._class_axis else classes[:, places].T
        self._scores.finite(rows)
        best = rows.argmax(axis=1)
        real = self._scores.real(there.reshape(-1)[places]) * self._scores.real(rows[np.arange(len(rows)), best])
        passed = real >= np.float32(self._decoding.score_threshold)
        return Best(places[passed], best[passed], real[passed])

    def _corners(self, boxes: Tensor, places: Indices) -> Corners:
        numbers = self._numbers(boxes, 0, 4)
        real = dequantise(numbers[places] if self._class_axis else numbers[:, places].T, self._box_spec)
        if self._decoding.encoding == "xyxy":
            corners: Corners = real * self._unit
            return corners
        if self._cells is None:
            x, y, width, height = (real * self._unit).T
            return corners_of_centres(x, y, width, height)
        cell_x, cell_y, stride = (part[places] for part in self._cells)
        x, y, width, height = real.T
        return corners_of_centres(
            (x + cell_x) * stride, (y + cell_y) * stride, np.exp(width) * stride, np.exp(height) * stride
        )


def _cells(size_wh: tuple[int, int], strides: tuple[int, ...], boxes: int) -> _Cells:
    parts = []
    for stride in strides:
        columns, rows = size_wh[0] // stride, size_wh[1] // stride
        y, x = np.divmod(np.arange(columns * rows), max(columns, 1))
        parts.append((x, y, np.full(columns * rows, stride)))
    cells = _Cells(*(np.concatenate(part).astype(np.float32) for part in zip(*parts, strict=True)))
    if len(cells.x) != boxes:
        raise ModelError(
            f"strides {list(strides)} make {len(cells.x)} cells, and the model has {boxes} boxes",
            where="decoding",
            fix="Correct the strides or the picture's size.",
        )
    return cells
