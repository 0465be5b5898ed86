"""Detectors drafted before the pictures are read: what one of some width and picture size would be, to be foretold.

Its cost depends on the stride, and that on how small things become in the model's picture: some training pictures are
looked at for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from contract.errors import SourceError
from contract.manifest import Preprocessing
from trainer.data.boxes import Box
from trainer.data.origin import Listed, Origin
from trainer.detection.dataset import marked_in
from trainer.detection.grid import Grid
from trainer.detection.resolving import more_of, suited_stride
from trainer.detection.settings import DetectionSettings
from trainer.settings import NetworkSettings, TrainConfig

_LOOKED_AT = 60
"""Pictures, evenly over those that may become training pictures and show something."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """Detectors for a set of pictures; `build` is what `trainer.architecture.choosing.choose` asks for."""

    classes: int
    more: DetectionSettings
    seen: tuple[tuple[tuple[int, int], tuple[Box, ...]], ...]
    """Sizes of some pictures as they are, and what is marked in them."""

    def at(self, prep: Preprocessing) -> DetectionSettings:
        """`[detection]` for pictures fitted like that, with its stride settled."""
        marked = [marked_in(boxes, size_wh, prep) for size_wh, boxes in self.seen]
        return replace(self.more, stride=self.more.stride or suited_stride(marked, self.classes))

    def build(self, prep: Preprocessing, network: NetworkSettings) -> Any:
        """The Keras model; ConfigError for a size that cannot be."""
        from trainer.detection.network import build_detector

        stride = self.at(prep).stride
        assert stride is not None
        return build_detector(prep, self.classes, network, Grid(prep.size_wh, stride))


def drafts_for(config: TrainConfig, origin: Origin) -> Drafts:
    """Of `config` for the pictures of `origin`."""
    return Drafts(len(origin.labels), more_of(config), tuple(_seen(origin)))


def _seen(origin: Origin) -> Iterator[tuple[tuple[int, int], tuple[Box, ...]]]:
    shown = [picture for picture in origin.pictures if picture.boxes and picture.split in (None, "train")]
    for picture in shown[:: max(1, len(shown) // _LOOKED_AT)]:
        if (size_wh := _size(picture)) is not None:
            yield size_wh, picture.boxes


def _size(picture: Listed) -> tuple[int, int] | None:
    """None for what cannot be read, which is reported later, with all the others."""
    try:
        pixels = picture.read()
    except SourceError:
        return None
    return pixels.shape[1], pixels.shape[0]
