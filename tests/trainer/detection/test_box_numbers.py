"""The numbers a detector learns mean what the device's decoder takes them for."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trainer.tensorflow_marks import WITH_TENSORFLOW

pytestmark = WITH_TENSORFLOW


def test_boxes_are_decoded_as_the_device_decodes_them() -> None:
    from trainer.detection.box_numbers import boxes_of
    from trainer.detection.decoding import decoding_of
    from trainer.detection.grid import Grid
    from trainer.detection.inference import decoder_of
    from trainer.detection.settings import DetectionSettings
    from trainer.settings import InputSettings

    grid, settings = Grid((64, 48), 8), DetectionSettings(iou_threshold=1.0)
    drawn = np.random.default_rng(0)
    numbers = drawn.normal(0.5, 0.4, (1, grid.cells, 4)).astype(np.float32)
    logits = np.full((1, grid.cells, 2), -9.0, np.float32)
    cells = [19, 21, 28]  # inside the picture, so that nothing is clipped
    logits[0, cells, 1] = [3.0, 2.0, 1.0]
    decoder = decoder_of(decoding_of(grid, settings), InputSettings(size_wh=(64, 48)), ("a", "b"), grid.cells)
    found = decoder.decode({"boxes": numbers, "scores": logits}, (64, 48)).detections
    assert found
    expected = boxes_of(numbers, grid)[0].numpy()[cells]
    assert np.array([one.box_xyxy_px for one in found]) == pytest.approx(expected, abs=1e-3)
    assert [one.label for one in found] == ["b", "b", "b"]
    assert found[0].score == pytest.approx(1 / (1 + np.exp(-3.0)))


def test_the_number_0_is_the_cells_corner_and_one_cell() -> None:
    from trainer.detection.box_numbers import boxes_of
    from trainer.detection.grid import Grid

    boxes = boxes_of(np.zeros((1, 8, 4), np.float32), Grid((32, 16), 8))
    assert boxes[0, 5].numpy().tolist() == [4.0, 4.0, 12.0, 12.0]
