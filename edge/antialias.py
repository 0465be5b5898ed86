"""Pillow's antialiased BILINEAR resize to the byte, for models that were trained or measured with it.

Every pixel of the small picture is the mean of the large one's under a triangle as wide as twice the scale, first
along the rows, then along the columns, rounded to bytes in between (Pillow, `src/libImaging/Resample.c`). The other way
round where that takes away more than twice as many rows as columns: so Pillow 13.0.0 was found to do. The weights are
whole numbers of 22 bits there; here they are whole numbers in float64, in which no sum of theirs is ever rounded, so
that a matrix product in any order, on any processor, gives the very same byte.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.frames import Pixels

_BITS = 22
_ONE, _HALF = float(1 << _BITS), float(1 << (_BITS - 1))
_OUTPUTS = 16
"""So many pixels are made by one product: fewer cost calls, more cost products with the zeros beside the triangles."""
_ROWS = 24
"""So many rows at once stay in the caches, and no BLAS begins threads for so little."""


class _Block(NamedTuple):
    """A few neighbouring pixels of the result, and the pixels under their triangles."""

    made: slice
    seen: slice
    weights: NDArray[np.float64]
    """(pixels seen, pixels made)."""


class Antialias:
    """Resizes pictures of one size to another, in colour or grey. Not for two threads."""

    def __init__(self, from_wh: tuple[int, int], to_wh: tuple[int, int]) -> None:
        self._turned = _rows_first(from_wh, to_wh)
        if self._turned:
            from_wh, to_wh = from_wh[::-1], to_wh[::-1]
        self._columns, self._rows = _blocks(from_wh[0], to_wh[0]), _blocks(from_wh[1], to_wh[1])
        width = to_wh[0]
        self._strip = np.empty((3, _ROWS, from_wh[0]))
        self._narrow = np.empty((3, _ROWS, width))
        self._between = np.empty((3, from_wh[1], width))
        self._made = np.empty((3, _OUTPUTS, width))

    def __call__(self, pixels: Pixels, out: Pixels) -> None:
        """Fill `out` (H, W, 3) from a picture (h, w, 3)."""
        if self._turned:
            pixels, out = pixels.transpose(1, 0, 2), out.transpose(1, 0, 2)
        height = pixels.shape[0]
        for start in range(0, height, _ROWS):
            stop = min(start + _ROWS, height)
            strip, narrow = self._strip[:, : stop - start], self._narrow[:, : stop - start]
            np.copyto(strip, pixels[start:stop].transpose(2, 0, 1))
            for block in self._columns:
                np.matmul(strip[:, :, block.seen], block.weights, out=narrow[:, :, block.made])
            _to_bytes(narrow)
            self._between[:, start:stop] = narrow
        for block in self._rows:
            made = self._made[:, : block.weights.shape[1]]
            np.matmul(block.weights.T, self._between[:, block.seen], out=made)
            _to_bytes(made)
            np.copyto(out[block.made], made.transpose(1, 2, 0), casting="unsafe")


def _rows_first(from_wh: tuple[int, int], to_wh: tuple[int, int]) -> bool:
    columns_less, rows_less = from_wh[0] - to_wh[0], from_wh[1] - to_wh[1]
    return rows_less > max(2 * columns_less, 0)


def _to_bytes(sums: NDArray[np.float64]) -> None:
    """Round sums of weighted bytes to whole bytes, in place. The factor is a power of two: nothing is lost before."""
    sums += _HALF
    sums *= 1.0 / _ONE
    np.floor(sums, out=sums)


def _blocks(length: int, made: int) -> list[_Block]:
    """One dimension's resize from `length` to `made` pixels."""
    weights = _weights(length, made)
    blocks = []
    for start in range(0, made, _OUTPUTS):
        stop = min(start + _OUTPUTS, made)
        under = np.flatnonzero(weights[:, start:stop].any(axis=1))
        seen = slice(int(under[0]), int(under[-1]) + 1)
        blocks.append(_Block(slice(start, stop), seen, np.ascontiguousarray(weights[seen, start:stop])))
    return blocks


def _weights(length: int, made: int) -> NDArray[np.float64]:
    """(length, made) whole numbers: each column is one pixel's triangle, of sum 2**22 but for rounding."""
    scale = length / made
    reach = max(scale, 1.0)
    centres = (np.arange(made) + 0.5) * scale
    first = np.maximum((centres - reach + 0.5).astype(np.intp), 0)
    last = np.minimum((centres + reach + 0.5).astype(np.intp), length)
    at = np.arange(length)[:, None]
    heights = np.maximum(1.0 - np.abs((at - centres + 0.5) * (1.0 / reach)), 0.0)
    heights[(at < first) | (at >= last)] = 0.0
    whole: NDArray[np.float64] = np.floor(heights / heights.sum(axis=0) * _ONE + 0.5)
    return whole
