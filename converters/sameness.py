"""Whether two models say the same about a picture, for each task: 0 for another answer, 1 for the same one.

Both are decoded by the device's own code first, so that what is compared is what a person would see: scores may survive
where boxes have collapsed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from contract.manifest import Manifest, TensorSpec
from contract.result import Detection, Keypoint
from edge.agreement import boxes_agree, iou
from edge.decoders import Decoded
from edge.postprocess import decoder_for
from edge.quantisation import Tensor

Answers = Mapping[str, NDArray[np.float32]]
"""Real values (N, ...) by output."""
NEAR_POINT = 0.05
"""Of how far the outermost known point lies from the picture's corner: two key points nearer than this are one."""
NEAR_VALUE = 0.05
"""Of the range a value has over all pictures."""


def decoded_answers(draft: Manifest, answers: Answers) -> list[Decoded]:
    """What real answers mean, picture by picture, in pixels of the model's own size."""
    specs = tuple(_real(spec) for spec in draft.outputs)
    decoder = decoder_for(replace(draft, outputs=specs))
    count = len(next(iter(answers.values())))
    return [
        decoder.decode({spec.name: _row(answers[spec.name], at, spec) for spec in specs}, draft.preprocessing.size_wh)
        for at in range(count)
    ]


def sameness(task: str, source: Sequence[Decoded], artifact: Sequence[Decoded]) -> NDArray[np.float64]:
    """0..1 a picture."""
    return _SAME[task](source, artifact)


def box_overlap(source: Sequence[Decoded], artifact: Sequence[Decoded], *, sure: float = 0.0) -> float | None:
    """Mean IoU of each of the source's boxes with the best of its class, 0 for one that is lost.

    Boxes with a score under `sure` may or may not have been let through, and do not count. None where none is left.
    """
    overlaps = [
        max((iou(box, other) for other in _boxes(found) if other.index == box.index), default=0.0)
        for known, found in zip(source, artifact, strict=True)
        for box in _boxes(known)
        if box.score >= sure
    ]
    return float(np.mean(overlaps)) if overlaps else None


def numbers_near(source: NDArray[np.float32], artifact: NDArray[np.float32]) -> NDArray[np.float64]:
    """Share of each picture's numbers (N, ...) that are within `NEAR_VALUE` of the range the source's have."""
    near: NDArray[np.bool_] = np.abs(source - artifact) <= NEAR_VALUE * np.ptp(source)
    return np.asarray(near.reshape(len(source), -1).mean(axis=1), np.float64)


def _first_answers(source: Sequence[Decoded], artifact: Sequence[Decoded]) -> NDArray[np.float64]:
    return np.array([float(_first(one) == _first(other)) for one, other in zip(source, artifact, strict=True)])


def _first(decoded: Decoded) -> int | None:
    classes = decoded.classes
    return classes[0].index if isinstance(classes, tuple) and classes else None


def _detections(source: Sequence[Decoded], artifact: Sequence[Decoded]) -> NDArray[np.float64]:
    return np.array([boxes_agree(_boxes(one), _boxes(other)) for one, other in zip(source, artifact, strict=True)])


def _boxes(decoded: Decoded) -> tuple[Detection, ...]:
    return decoded.detections if isinstance(decoded.detections, tuple) else ()


def _pixels(source: Sequence[Decoded], artifact: Sequence[Decoded]) -> NDArray[np.float64]:
    return np.array([_equal_share(one.class_map, other.class_map) for one, other in zip(source, artifact, strict=True)])


def _equal_share(known: Tensor | None, found: Tensor | None) -> float:
    return 0.0 if known is None or found is None else float((known == found).mean())


def _points(source: Sequence[Decoded], artifact: Sequence[Decoded]) -> NDArray[np.float64]:
    return np.array([_points_near(one, other) for one, other in zip(source, artifact, strict=True)])


def _points_near(source: Decoded, artifact: Decoded) -> float:
    known, found = (_by_index(decoded) for decoded in (source, artifact))
    reach = max((abs(place) for point in known.values() for place in point.at_xy_px), default=0.0)
    near = [
        max(abs(a - b) for a, b in zip(point.at_xy_px, found[index].at_xy_px, strict=True)) <= NEAR_POINT * reach
        for index, point in known.items()
        if index in found
    ]
    return sum(near) / len(known) if known else float(not found)


def _by_index(decoded: Decoded) -> dict[int, Keypoint]:
    points = decoded.keypoints
    return {point.index: point for point in points} if isinstance(points, tuple) else {}


def _values(source: Sequence[Decoded], artifact: Sequence[Decoded]) -> NDArray[np.float64]:
    known, found = (
        np.array([[value.value for value in one.values] for one in side if isinstance(one.values, tuple)])
        for side in (source, artifact)
    )
    reach = np.maximum(np.ptp(known, axis=0), np.abs(known).max(axis=0) * NEAR_VALUE)
    near: NDArray[np.bool_] = np.abs(known - found) <= NEAR_VALUE * reach
    return np.asarray(near.mean(axis=1), np.float64)


_SAME: dict[str, Callable[[Sequence[Decoded], Sequence[Decoded]], NDArray[np.float64]]] = {
    "classify": _first_answers,
    "detect": _detections,
    "segment": _pixels,
    "keypoints": _points,
    "regress": _values,
    "anomaly": _values,
}


def _real(spec: TensorSpec) -> TensorSpec:
    return replace(spec, dtype="float32", quantization=None)


def _row(values: NDArray[np.float32], at: int, spec: TensorSpec) -> NDArray[np.float32]:
    row: NDArray[np.float32] = values[at].reshape(spec.shape)
    return row
