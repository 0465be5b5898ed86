"""Ready boxes, as the operator `TFLite_Detection_PostProcess` gives them: decoded, sorted and freed of overlaps.

Boxes are (1, N, 4) ymin, xmin, ymax, xmax in 0..1 of the model's picture; classes and scores (1, N); the count (1,)
says how many rows hold (TensorFlow, tensorflow/lite/kernels/detection_postprocess.cc).
"""

from __future__ import annotations

from collections.abc import Mapping

from contract.errors import BackendError
from contract.manifest import DetectBoxes, Manifest
from contract.result import Detection
from edge.decoders import Decoded, label_of
from edge.placement import Placement, placement
from edge.quantisation import Tensor, dequantise


class BoxDecoder:
    """Detections over the score threshold, best first, in pixels of the frame as captured."""

    def __init__(self, manifest: Manifest, decoding: DetectBoxes) -> None:
        self._decoding = decoding
        self._labels = manifest.labels
        self._preprocessing = manifest.preprocessing
        self._specs = {output.name: output for output in manifest.outputs}

    def decode(self, outputs: Mapping[str, Tensor], frame_wh: tuple[int, int]) -> Decoded:
        """The detections in the raw outputs; BackendError where their count makes no sense."""
        place = placement(frame_wh, self._preprocessing)
        scores = self._rows(outputs, self._decoding.scores)
        boxes = dequantise(outputs[self._decoding.boxes], self._specs[self._decoding.boxes]).reshape(-1, 4).tolist()
        classes = self._rows(outputs, self._decoding.classes)
        rows = zip(scores[: self._count(outputs, len(scores))], classes, boxes, strict=False)
        kept = [row for row in rows if row[0] >= self._decoding.score_threshold]
        kept.sort(key=lambda row: -row[0])
        return Decoded(detections=tuple(self._detection(score, number, box, place) for score, number, box in kept))

    def _rows(self, outputs: Mapping[str, Tensor], name: str) -> list[float]:
        values: list[float] = dequantise(outputs[name], self._specs[name]).reshape(-1).tolist()
        return values

    def _count(self, outputs: Mapping[str, Tensor], rows: int) -> int:
        if self._decoding.count is None:
            return rows
        count = self._rows(outputs, self._decoding.count)[0]
        if not 0 <= count <= rows:
            raise BackendError(
                f"the model says it found {count} things and has room for {rows}",
                where=f"output {self._decoding.count!r}",
                fix="Convert the model again; check it with its golden frames.",
            )
        return int(count)

    def _detection(self, score: float, number: float, box: list[float], place: Placement) -> Detection:
        index = int(number) + self._decoding.class_offset
        width, height = self._preprocessing.size_wh
        top, left, bottom, right = box
        upper_left = place.to_frame(left * width, top * height)
        lower_right = place.to_frame(right * width, bottom * height)
        corners = (*upper_left, *lower_right)
        return Detection(index=index, label=label_of(self._labels, index), score=score, box_xyxy_px=corners)
