from __future__ import annotations

import numpy as np
import pytest

from contract.errors import BackendError
from contract.manifest import DetectHeatmap
from tests.edge.decoders.manifests import found


def maps() -> dict[str, np.ndarray]:
    """20 columns and 10 rows for a picture of 100x100: cells of 5x10 pixels; every thing is 4x2 cells."""
    heat, sizes = np.zeros((1, 10, 20, 2), np.float32), np.zeros((1, 10, 20, 2), np.float32)
    sizes[0, :, :] = (4, 2)
    offsets = np.full((1, 10, 20, 2), 0.25, np.float32)
    return {"heat": heat, "sizes": sizes, "offsets": offsets}


def heatmap(**options: object) -> DetectHeatmap:
    return DetectHeatmap(heatmap="heat", sizes="sizes", offsets="offsets", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("order", ["xy", "yx"])
def test_a_peak_becomes_a_box_around_its_offset(layout: str, order: str) -> None:
    outputs = maps()
    outputs["heat"][0, 3, 8, 1] = 0.9
    outputs["heat"][0, 3, 9, 1] = outputs["heat"][0, 2, 7, 1] = 0.8
    if order == "yx":
        outputs["sizes"] = outputs["sizes"][..., ::-1].copy()
    if layout == "nchw":
        outputs = {name: array.transpose(0, 3, 1, 2).copy() for name, array in outputs.items()}
    (one,) = found(heatmap(layout=layout, order=order), outputs, (200, 100))
    # Centre at (8.25, 3.25) cells, in a frame twice as wide.
    assert one.box_xyxy_px == pytest.approx((82.5 - 20, 32.5 - 10, 82.5 + 20, 32.5 + 10), abs=1e-3)
    assert (one.label, one.score) == ("green", pytest.approx(0.9))


def test_peaks_at_the_edge_of_both_classes_and_two_cells_apart_all_count() -> None:
    outputs = maps()
    for y, x, kind in ((0, 0, 0), (9, 19, 1), (0, 0, 1), (0, 2, 0)):
        outputs["heat"][0, y, x, kind] = 0.5
    assert len(found(heatmap(), outputs)) == 4


def test_of_a_flat_top_the_first_cell_counts_alone() -> None:
    outputs = maps()
    outputs["heat"][0, 4, 4:7, 0] = outputs["heat"][0, 5, 3:6, 0] = 0.6
    (one,) = found(heatmap(), outputs)
    assert one.box_xyxy_px[0] == pytest.approx(4.25 * 5 - 10)


def test_without_offsets_the_middle_of_the_cell_is_meant_and_sizes_have_their_own_unit() -> None:
    outputs = maps()
    del outputs["offsets"]
    outputs["heat"][0, 3, 8, 0] = 3.0
    decoding = DetectHeatmap(heatmap="heat", sizes="sizes", unit="pixels", activation="sigmoid", score_threshold=0.9)
    (one,) = found(decoding, outputs)
    assert one.box_xyxy_px == pytest.approx((42.5 - 2, 35 - 1, 42.5 + 2, 35 + 1), abs=1e-3)
    assert one.score == pytest.approx(0.952574)


@pytest.mark.parametrize("name", ["heat", "sizes", "offsets"])
def test_numbers_that_are_not_finite_are_an_error(name: str) -> None:
    outputs = maps()
    outputs["heat"][0, 3, 8, 0] = 0.9
    outputs[name][0, 3, 8, 0] = np.nan
    with pytest.raises(BackendError, match="not finite"):
        found(heatmap(), outputs)


def test_the_best_come_first_and_no_more_than_wanted_even_where_everything_is_hot() -> None:
    outputs = maps()
    outputs["heat"][:] = np.random.default_rng(0).random(outputs["heat"].shape)
    result = found(heatmap(max_detections=3, score_threshold=0.0), outputs)
    assert [one.score for one in result] == sorted((one.score for one in result), reverse=True)
    assert len(result) == 3
