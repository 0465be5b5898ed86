"""Pictures with a class each, for `picture_kind.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.dataset import Pictures, Prepared, load, prepare, split_record
from trainer.retraining.added import open_added
from trainer.retraining.picture_kind import PictureKind


def _unpacked(stored: Mapping[str, NDArray[Any]], names: tuple[str, ...], digests: tuple[str, ...]) -> Pictures:
    return Pictures(frames=stored["frames"], labels=stored["labels"], names=names, digests=digests)


def _shown(pictures: Pictures, classes: int) -> NDArray[np.float64]:
    return np.eye(classes)[pictures.labels]


CLASS_PICTURES = PictureKind(
    opened=open_added,
    prepared=prepare,
    load=load,
    unpacked=_unpacked,
    shown=_shown,
    described=split_record,
    whole=Prepared,
)
