"""What the numbers a model answers with mean: one output format a file, chosen in `edge/postprocess.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import UNSET, Struct, UnsetType

from contract.result import ClassScore, Detection
from edge.quantisation import Tensor


class Decoded(Struct, frozen=True):
    """What a model says about one frame; only the fields of its task are set."""

    classes: tuple[ClassScore, ...] | UnsetType = UNSET
    detections: tuple[Detection, ...] | UnsetType = UNSET


class Decoder(Protocol):
    """One model's way from raw outputs to an answer, with all that stays the same worked out beforehand."""

    def decode(self, outputs: Mapping[str, Tensor], frame_wh: tuple[int, int]) -> Decoded:
        """The answer in the raw outputs, by name, for a frame of that width and height as captured."""
        ...
