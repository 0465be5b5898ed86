"""What the numbers a model answers with mean: one output format a file, chosen in `edge/postprocess.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import UNSET, Struct, UnsetType

from contract.errors import BackendError
from contract.manifest import Manifest, TensorSpec
from contract.result import ClassScore, Detection, Keypoint, Segment, Value
from edge.quantisation import Tensor


class Decoded(Struct, gc=False, frozen=True):
    """What a model says about one frame; only the fields of its task are set."""

    classes: tuple[ClassScore, ...] | UnsetType = UNSET
    detections: tuple[Detection, ...] | UnsetType = UNSET
    segments: tuple[Segment, ...] | UnsetType = UNSET
    keypoints: tuple[Keypoint, ...] | UnsetType = UNSET
    values: tuple[Value, ...] | UnsetType = UNSET
    class_map: Tensor | None = None
    """For `segment`: whole class numbers (h, w) over the model's whole picture, padding too; never written anywhere."""


class Decoder(Protocol):
    """One model's way from raw outputs to an answer, with all that stays the same worked out beforehand."""

    def decode(self, outputs: Mapping[str, Tensor], frame_wh: tuple[int, int]) -> Decoded:
        """The answer in the raw outputs, by name, for a frame of that width and height as captured."""
        ...


def output_spec(manifest: Manifest, name: str) -> TensorSpec:
    """The output of that name; a manifest that was parsed has it."""
    return next(output for output in manifest.outputs if output.name == name)


def label_of(labels: tuple[str, ...], index: int) -> str:
    """The class's label, or its number where the labels do not reach."""
    return labels[index] if 0 <= index < len(labels) else str(index)


def not_finite(output: str) -> BackendError:
    """The error of a model that answers with nan or infinity."""
    return BackendError(
        "the model answered with numbers that are not finite",
        where=f"output {output!r}",
        fix="Convert the model again; check it with its golden frames.",
    )
