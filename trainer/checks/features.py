"""Numbers that tell what a small picture shows, without a network: edges, shades and colours by place.

They feed the search for wrong labels (`trainer/checks/labels.py`), which needs nothing better than to tell most
pictures of a class from those of another, in a millisecond a picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.frames import Pixels
from edge.opencv import cv2

_SIDE = 32
"""Pixels each way of the picture edges are measured in."""
_ORIENTATIONS = 9
"""Of edges, over half a turn (Dalal and Triggs, 2005, found no gain above nine)."""
_CELL, _STRIDE = 8, 4
"""Cells of 8 pixels that overlap by half: 7 x 7 of them."""
_SHADES_SIDE = 12
_COLOURS_SIDE = 6
_SMALLEST_NORM = 0.1
"""Keeps an empty cell from becoming all noise."""
FEATURES = 49 * _ORIENTATIONS + _SHADES_SIDE**2 + 3 * _COLOURS_SIDE**2


def features(pixels: Pixels) -> NDArray[np.float32]:
    """(`FEATURES`,) float32 of (H, W, 3) uint8 BGR: histograms of edge orientations, shades, and colours (Lab)."""
    small = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=_towards(pixels))
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2Lab).astype(np.float32) / 255
    lightness = lab[:, :, 0]
    shades = cv2.resize(lightness, (_SHADES_SIDE, _SHADES_SIDE), interpolation=cv2.INTER_AREA)
    colours = cv2.resize(lab, (_COLOURS_SIDE, _COLOURS_SIDE), interpolation=cv2.INTER_AREA)
    return np.concatenate((_edges(lightness), shades.ravel(), colours.ravel())).astype(np.float32)


def _towards(pixels: Pixels) -> int:
    """Averages where the picture shrinks, which interpolation would alias."""
    return cv2.INTER_AREA if min(pixels.shape[:2]) > _SIDE else cv2.INTER_LINEAR


def _edges(lightness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Histograms of oriented gradients, each cell with norm 1 at most (HOGDescriptor left OpenCV with version 5)."""
    across, down = cv2.Sobel(lightness, cv2.CV_32F, 1, 0), cv2.Sobel(lightness, cv2.CV_32F, 0, 1)
    strength, turn = np.hypot(across, down), np.arctan2(down, across) % np.pi
    position = turn * (_ORIENTATIONS / np.pi)
    low = np.floor(position)
    share = position - low
    votes = np.zeros((_SIDE, _SIDE, _ORIENTATIONS), np.float32)
    rows, columns = np.indices((_SIDE, _SIDE))
    index = low.astype(np.int64) % _ORIENTATIONS
    votes[rows, columns, index] += strength * (1 - share)
    votes[rows, columns, (index + 1) % _ORIENTATIONS] += strength * share
    # The mean over a window around every pixel, read where the cells' centres are.
    averaged = cv2.blur(votes, (_CELL, _CELL))
    centres = slice(_CELL // 2, _SIDE - _CELL // 2 + 1, _STRIDE)
    cells = averaged[centres, centres].reshape(-1, _ORIENTATIONS)
    norm = np.sqrt((cells**2).sum(axis=1, keepdims=True))
    return np.asarray(cells / (norm + _SMALLEST_NORM), np.float32).ravel()
