"""Lists of anchors as grids: back and forth through the device's own generator."""

from __future__ import annotations

import numpy as np

from contract.decoding import AnchorGrid
from converters.sources.anchors import Anchor, grids_of
from edge.decoders.detect_anchors import anchors_xywh

GRIDS = (
    AnchorGrid(cells_wh=(19, 19), sizes_wh=((0.1, 0.1), (0.28, 0.14), (0.14, 0.28))),
    AnchorGrid(cells_wh=(10, 8), sizes_wh=((0.35, 0.35), (0.5, 0.25))),
    AnchorGrid(cells_wh=(1, 1), sizes_wh=((0.95, 0.95),)),
)


def listed(*grids: AnchorGrid) -> list[Anchor]:
    return [(x, y, w, h) for x, y, w, h in anchors_xywh(grids).tolist()]


def test_what_the_grids_make_is_found_again() -> None:
    found = grids_of(listed(*GRIDS))
    assert [grid.cells_wh for grid in found] == [grid.cells_wh for grid in GRIDS]
    assert np.allclose(listed(*found), listed(*GRIDS), atol=1e-6)


def test_anchors_that_are_not_regular_are_no_grids() -> None:
    anchors = listed(GRIDS[1])
    assert grids_of([]) == ()
    assert grids_of(anchors[:-1]) == ()
    assert grids_of(anchors[2:]) == ()
    assert grids_of([(0.1, 0.1, 0.0, 0.2)]) == ()
    moved = [*anchors]
    moved[7] = (moved[7][0] + 0.02, *moved[7][1:])
    assert grids_of(moved) == ()
