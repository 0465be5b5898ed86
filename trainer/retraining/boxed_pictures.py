"""Pictures with boxes, for `picture_kind.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.marked import unpacked
from trainer.data.dataset import DatasetRecord
from trainer.data.origin import SplitName
from trainer.detection.dataset import (
    BoxesRecord,
    Detected,
    PreparedBoxes,
    box_counts,
    described,
    load_boxes,
    prepare_boxes,
)
from trainer.retraining.added_boxes import open_added_boxes
from trainer.retraining.picture_kind import PictureKind


def _unpacked(stored: Mapping[str, NDArray[Any]], names: tuple[str, ...], digests: tuple[str, ...]) -> Detected:
    frames = stored["frames"]
    height, width = frames.shape[1:3]
    return Detected(
        frames=frames,
        marked=unpacked(stored, len(frames)),
        names=names,
        digests=digests,
        sizes_wh=((width, height),) * len(frames),
    )


def _shown(pictures: Detected, classes: int) -> NDArray[np.float64]:
    shown = np.zeros((len(pictures), classes))
    for row, one in zip(shown, pictures.marked, strict=True):
        row[one.labels[~one.crowd]] = 1.0
    return shown


def _whole(record: DatasetRecord, splits: dict[SplitName, Detected]) -> PreparedBoxes:
    known = {**msgspec.structs.asdict(record), "boxes": box_counts(splits, record.labels)}
    return PreparedBoxes(BoxesRecord(**known), splits)


BOXED_PICTURES = PictureKind(
    opened=open_added_boxes,
    prepared=prepare_boxes,
    load=load_boxes,
    unpacked=_unpacked,
    shown=_shown,
    described=described,
    whole=_whole,
)
