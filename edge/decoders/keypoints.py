"""The points of one body, hand or thing, as MoveNet gives them: place and score a point."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from contract.manifest import Keypoints, Manifest
from contract.result import Keypoint
from edge.decoders import Decoded, label_of, not_finite, output_spec
from edge.placement import placement
from edge.quantisation import Tensor, dequantise


class KeypointDecoder:
    """Points in the order of the labels, in pixels of the frame as captured."""

    def __init__(self, manifest: Manifest, decoding: Keypoints) -> None:
        self._decoding = decoding
        self._labels, self._preprocessing = manifest.labels, manifest.preprocessing
        self._spec = output_spec(manifest, decoding.points)

    def decode(self, outputs: Mapping[str, Tensor], frame_wh: tuple[int, int]) -> Decoded:
        """The points over the score threshold, clipped to the frame; BackendError where a number is not finite."""
        rows = dequantise(outputs[self._spec.name], self._spec).reshape(-1, 3)
        if not np.isfinite(rows).all():
            raise not_finite(self._spec.name)
        place = placement(frame_wh, self._preprocessing)
        width, height = self._preprocessing.size_wh
        points = []
        for index, (first, second, score) in enumerate(rows.tolist()):
            if score < self._decoding.score_threshold:
                continue
            x, y = (second, first) if self._decoding.order == "yx" else (first, second)
            at = place.to_frame(x * width, y * height)
            points.append(Keypoint(index=index, label=label_of(self._labels, index), score=score, at_xy_px=at))
        return Decoded(keypoints=tuple(points))
