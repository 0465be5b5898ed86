"""Things as peaks of a heat map (CenterNet, Zhou et al. 2019): a cell that none of its eight neighbours surpasses.

Where neighbours are equal, as quantised ones often are, the first counts alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contract.manifest import DetectHeatmap, Manifest, TensorSpec
from edge.decoders import Decoded, output_spec
from edge.decoders.nms import Indices, best_first
from edge.decoders.scores import Scores
from edge.decoders.selection import Corners, corners_of_centres, finite_corners, in_frame
from edge.quantisation import Tensor, dequantise

_ENOUGH = 100
"""Candidates looked at for each detection wanted; a peak has at most eight neighbours worth looking at."""


class _Peaks(NamedTuple):
    """Row, column, class and stored score of some cells, each (N,)."""

    y: Indices
    x: Indices
    kind: Indices
    stored: Tensor

    def at(self, chosen: Tensor) -> _Peaks:
        return _Peaks(*(part[chosen] for part in self))


class HeatmapDecoder:
    """Detections from a heat map (1, h, w, C), sizes (1, h, w, 2) and offsets (1, h, w, 2)."""

    def __init__(self, manifest: Manifest, decoding: DetectHeatmap) -> None:
        self._decoding, self._manifest = decoding, manifest
        self._planar = decoding.layout == "nchw"
        heat = output_spec(manifest, decoding.heatmap)
        self._scores = Scores(heat, decoding.activation, decoding.score_threshold)
        self._size_spec = output_spec(manifest, decoding.sizes)
        self._offset_spec = output_spec(manifest, decoding.offsets) if decoding.offsets else None
        rows, columns = heat.shape[2:] if self._planar else heat.shape[1:3]
        width, height = manifest.preprocessing.size_wh
        self._cell = np.array([width / columns, height / rows], np.float32)
        units = {"cells": self._cell, "pixels": np.ones(2, np.float32), "share": np.array([width, height], np.float32)}
        self._unit = units[decoding.unit]
        self._columns = [0, 1] if decoding.order == "xy" else [1, 0]

    def decode(self, outputs: Mapping[str, Tensor], frame_wh: tuple[int, int]) -> Decoded:
        """The detections in the raw outputs; BackendError where they hold numbers that are not finite."""
        heat = self._by_place(outputs[self._decoding.heatmap])
        peaks = _maxima(heat, self._candidates(outputs[self._decoding.heatmap]))
        scores = self._scores.real(peaks.stored)
        best = best_first(scores, self._decoding.max_detections)
        best = best[scores[best] >= np.float32(self._decoding.score_threshold)]
        corners = finite_corners(lambda chosen: self._corners(outputs, peaks.at(chosen)), best, self._decoding.sizes)
        classes = (peaks.kind[best] + self._decoding.class_offset).tolist()
        found = zip(classes, scores[best].tolist(), corners.tolist(), strict=True)
        manifest = self._manifest
        return Decoded(detections=in_frame(found, manifest.labels, manifest.preprocessing, frame_wh))

    def _by_place(self, output: Tensor) -> Tensor:
        """(h, w, C), whatever the layout."""
        cells: Tensor = output[0]
        return cells.transpose(1, 2, 0) if self._planar else cells

    def _candidates(self, heat: Tensor) -> _Peaks:
        """All cells worth a second look, or the best of them where they are very many."""
        flat = heat.reshape(1, -1)
        found = self._scores.passing(flat, class_axis=0)
        stored = flat[0, found]
        limit = _ENOUGH * self._decoding.max_detections
        if len(found) > limit:
            chosen = np.sort(best_first(stored.astype(np.float64), limit))
            found, stored = found[chosen], stored[chosen]
        axes = np.unravel_index(found, heat.shape[1:])
        kind, y, x = axes if self._planar else (axes[2], axes[0], axes[1])
        return _Peaks(y, x, kind, stored)

    def _corners(self, outputs: Mapping[str, Tensor], peaks: _Peaks) -> Corners:
        sizes = self._pairs(outputs[self._decoding.sizes], self._size_spec, peaks) * self._unit
        within = np.full_like(sizes, 0.5)
        if self._offset_spec is not None:
            within = self._pairs(outputs[self._offset_spec.name], self._offset_spec, peaks)
        centres = (np.stack((peaks.x, peaks.y), axis=1) + within) * self._cell
        corners = corners_of_centres(centres[:, 0], centres[:, 1], sizes[:, 0], sizes[:, 1])
        return corners.astype(np.float32)

    def _pairs(self, output: Tensor, spec: TensorSpec, peaks: _Peaks) -> NDArray[np.float32]:
        """The two numbers of each peak's cell, x first."""
        return dequantise(self._by_place(output)[peaks.y, peaks.x], spec)[:, self._columns]


def _maxima(heat: Tensor, cells: _Peaks) -> _Peaks:
    """The cells of (h, w, C) that no neighbour of their class surpasses, nor an earlier one equals."""
    rows, columns = heat.shape[:2]
    highest = np.ones(len(cells.y), np.bool_)
    for down, right in product((-1, 0, 1), repeat=2):
        if (down, right) == (0, 0):
            continue
        y, x = cells.y + down, cells.x + right
        inside = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
        neighbour = heat[y.clip(0, rows - 1), x.clip(0, columns - 1), cells.kind]
        earlier = (down, right) < (0, 0)
        lower = neighbour < cells.stored if earlier else neighbour <= cells.stored
        highest &= lower | ~inside
    return cells.at(highest)
