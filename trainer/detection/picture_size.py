"""How large a detector's picture is where nobody says: some 77,000 pixels, in the shape most of the pictures have.

320x240 for 4:3, 368x208 for 16:9, and turned where the pictures stand. Small things need pixels, and training from
scratch needs to be quick; who has smaller things says `preprocessing.size_wh`.
"""

from __future__ import annotations

import math

import numpy as np

from contract.errors import SourceError
from trainer.data.origin import Listed, Origin
from trainer.settings import InputSettings

_PIXELS = 320 * 240
_MULTIPLE = 16
"""Sides are multiples of it: `trainer.detection.network.COARSEST`."""
_SIDES = (144, 528)
_LOOKED_AT = 15
"""Pictures, evenly over the list."""


def suited_preprocessing(origin: Origin) -> InputSettings:
    """A letterbox, which keeps the shape of things, in the median shape of some of the pictures."""
    every = max(1, len(origin.pictures) // _LOOKED_AT)
    shapes = [shape for picture in origin.pictures[::every] if (shape := _shape(picture)) is not None]
    shape = float(np.median(shapes)) if shapes else 4 / 3
    return InputSettings(size_wh=size_of_shape(shape), resize="letterbox")


def size_of_shape(shape: float) -> tuple[int, int]:
    """Width and height for a width over height of `shape`."""
    return _side(math.sqrt(_PIXELS * shape)), _side(math.sqrt(_PIXELS / shape))


def _side(wanted: float) -> int:
    smallest, largest = _SIDES
    return min(max(round(wanted / _MULTIPLE) * _MULTIPLE, smallest), largest)


def _shape(picture: Listed) -> float | None:
    """Width over height; None for what cannot be read, which is reported later, with all the others."""
    try:
        pixels = picture.read()
    except SourceError:
        return None
    height, width = pixels.shape[0], pixels.shape[1]
    return float(width / height)
