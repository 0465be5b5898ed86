"""A list of SSD anchors as grids, the way a manifest says them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from contract.decoding import AnchorGrid

Anchor = tuple[float, float, float, float]
Cell = tuple[tuple[float, ...], list[tuple[float, ...]]]
"""A centre and the sizes of its boxes."""
_NEAR = 1e-4
"""Of the picture: anchors are stored as float32, and 1/513 of it is 2e-3."""


def grids_of(anchors: Sequence[Anchor]) -> tuple[AnchorGrid, ...]:
    """Grids whose anchors, one after another, are `anchors` (centre x, y, width, height in 0..1), or none.

    None where they are not regular: every cell of a map has the same boxes, and its centre in the middle.
    """
    cells: list[Cell] = [
        (centre, [box[2:] for box in boxes]) for centre, boxes in groupby(anchors, key=lambda box: box[:2])
    ]
    grids: list[AnchorGrid] = []
    while cells:
        grid = _first_grid(cells)
        if grid is None:
            return ()
        grids.append(grid)
        cells = cells[math.prod(grid.cells_wh) :]
    return tuple(grids)


def _first_grid(cells: Sequence[Cell]) -> AnchorGrid | None:
    """The grid the list begins with: its first centre lies half a cell from the corner, which tells its size."""
    (x, y), sizes = cells[0]
    if not (0.0 < x <= 0.5 + _NEAR and 0.0 < y <= 0.5 + _NEAR) or min(map(min, sizes)) <= 0.0:
        return None
    columns, rows = round(0.5 / x), round(0.5 / y)
    if len(cells) < columns * rows:
        return None
    for place, (centre, boxes) in enumerate(cells[: columns * rows]):
        row, column = divmod(place, columns)
        there = ((column + 0.5) / columns, (row + 0.5) / rows)
        if not _same(centre, there) or len(boxes) != len(sizes) or not all(map(_same, boxes, sizes)):
            return None
    return AnchorGrid(cells_wh=(columns, rows), sizes_wh=tuple((box[0], box[1]) for box in sizes))


def _same(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(first - second) <= _NEAR for first, second in zip(one, other, strict=True))
