"""The one grid of cells a detector answers on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells of `stride` pixels over the model's picture, rows before columns."""

    size_wh: tuple[int, int]
    stride: int

    @property
    def cells_wh(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.size_wh[0] // self.stride, self.size_wh[1] // self.stride

    @property
    def cells(self) -> int:
        """How many boxes the model gives."""
        columns, rows = self.cells_wh
        return columns * rows

    def corners(self) -> NDArray[np.float32]:
        """(cells, 2): column and row of each cell."""
        columns, rows = self.cells_wh
        row, column = np.divmod(np.arange(columns * rows), columns)
        return np.stack([column, row], axis=1).astype(np.float32)

    def centres(self) -> NDArray[np.float32]:
        """(cells, 2): the middle of each cell, x and y in pixels."""
        centres: NDArray[np.float32] = (self.corners() + np.float32(0.5)) * np.float32(self.stride)
        return centres
