"""Cells along rows, as the device counts them."""

from __future__ import annotations

from trainer.detection.grid import Grid


def test_cells_run_along_rows() -> None:
    grid = Grid((32, 16), 8)
    assert (grid.cells_wh, grid.cells) == ((4, 2), 8)
    assert grid.corners()[:5].tolist() == [[0, 0], [1, 0], [2, 0], [3, 0], [0, 1]]
    assert grid.centres()[:5].tolist() == [[4, 4], [12, 4], [20, 4], [28, 4], [4, 12]]
