"""What each pixel shows: how much of the picture every class takes up.

Padding of a letterbox is no part of the picture and does not count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from contract import result
from contract.errors import BackendError
from contract.manifest import Manifest, Segment
from edge.decoders import Decoded, label_of, not_finite, output_spec
from edge.placement import Rectangle, placement
from edge.quantisation import Tensor

_MOST_CLASSES = 65536


class SegmentDecoder:
    """Shares of the classes, largest first, from a map of class numbers or of scores."""

    def __init__(self, manifest: Manifest, decoding: Segment) -> None:
        self._decoding = decoding
        self._labels, self._preprocessing = manifest.labels, manifest.preprocessing
        self._spec = output_spec(manifest, decoding.map)

    def decode(self, outputs: Mapping[str, Tensor], frame_wh: tuple[int, int]) -> Decoded:
        """Segments and the class map; BackendError where the map holds no class numbers."""
        class_map = self._class_map(outputs[self._spec.name])
        seen = self._seen(class_map, placement(frame_wh, self._preprocessing).target)
        counts = np.bincount(seen.reshape(-1))
        shares = [(int(index), float(counts[index] / seen.size)) for index in np.flatnonzero(counts)]
        shares.sort(key=lambda pair: (-pair[1], pair[0]))
        segments = tuple(
            result.Segment(index=index, label=label_of(self._labels, index), share=share)
            for index, share in shares
            if share >= self._decoding.min_share
        )
        return Decoded(segments=segments, class_map=class_map)

    def _class_map(self, output: Tensor) -> Tensor:
        if self._decoding.form == "scores":
            if not math.isfinite(output.max()):
                raise not_finite(self._spec.name)
            # Quantised scores are in the order of real ones.
            best: Tensor = output[0].argmax(axis=0 if self._decoding.layout == "nchw" else -1)
            return best
        class_map = output.reshape(output.shape[1:3])
        lowest, highest = class_map.min(), class_map.max()
        if not (0 <= lowest <= highest < _MOST_CLASSES):
            raise BackendError(
                f"class numbers from {lowest} to {highest} are no classes",
                where=f"output {self._spec.name!r}",
                fix="Convert the model again; check it with its golden frames.",
            )
        return class_map if class_map.dtype.kind in "iu" else class_map.astype(np.int64)

    def _seen(self, class_map: Tensor, target: Rectangle) -> Tensor:
        """The part of the map that shows the frame: at least one pixel."""
        rows, columns = class_map.shape
        width, height = self._preprocessing.size_wh
        left, right = _scaled(target.left, target.right, columns, width)
        top, bottom = _scaled(target.top, target.bottom, rows, height)
        return class_map[top:bottom, left:right]


def _scaled(start: int, stop: int, length: int, of: int) -> tuple[int, int]:
    first = min(round(start * length / of), length - 1)
    return first, max(round(stop * length / of), first + 1)
