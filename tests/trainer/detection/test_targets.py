"""Which cells answer for which box, on grids small enough to look at."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trainer.tensorflow_marks import WITH_TENSORFLOW

pytestmark = WITH_TENSORFLOW
STRIDE = 8.0


def assigned(boxes: list[list[float]], labels: list[int], *, sides: float = 16.0, size_wh: tuple[int, int] = (64, 48)):
    """Targets where every cell offers a square of `sides` around its middle, scored 0.5 in both classes."""
    import tensorflow as tf

    from trainer.detection.grid import Grid
    from trainer.detection.targets import Truth, targets

    grid = Grid(size_wh, int(STRIDE))
    centres = grid.centres()
    offered = tf.concat([centres - sides / 2.0, centres + sides / 2.0], axis=-1)[tf.newaxis]
    truth = Truth(tf.constant([boxes], tf.float32), tf.constant([labels], tf.int32))
    return targets(truth, offered, tf.fill((1, grid.cells, 2), 0.5), centres, STRIDE)


def test_a_box_is_answered_for_by_the_cell_that_fits_it_best() -> None:
    # The box is exactly what the cell in column 2, row 1 offers.
    found = assigned([[12.0, 4.0, 28.0, 20.0]], [1])
    scores = found.scores.numpy()[0]
    assert scores[8 + 2, 1] == pytest.approx(1.0)
    assert scores[:, 0].max() == 0.0
    assert found.boxes.numpy()[0, 8 + 2].tolist() == [12.0, 4.0, 28.0, 20.0]
    # Of the neighbours only those whose middle lies inside the box, with the sixth power of a smaller overlap: those a
    # cell to the side overlap by 128 / 384 = 1/3.
    assert scores[8 + 1, 1] == pytest.approx(0.0, abs=1e-6)  # its middle is on the edge, not inside
    assert scores.sum() == pytest.approx(1.0, abs=0.01)


def test_at_most_ten_cells_answer_for_a_large_box() -> None:
    found = assigned([[0.0, 0.0, 64.0, 48.0]], [0], sides=30.0)
    assert (found.scores.numpy()[0, :, 0] > 0).sum() == 10


def test_a_cell_between_two_boxes_answers_for_the_nearer_one() -> None:
    near, far = [12.0, 4.0, 28.0, 20.0], [12.0, 4.0, 36.0, 28.0]
    found = assigned([far, near], [0, 1])
    assert found.boxes.numpy()[0, 8 + 2].tolist() == near
    assert found.scores.numpy()[0, 8 + 2].tolist() == pytest.approx([0.0, 1.0])


def test_a_box_smaller_than_a_cell_is_answered_for() -> None:
    found = assigned([[6.5, 6.5, 9.5, 9.5]], [0])
    assert found.scores.numpy()[0, :, 0].max() == pytest.approx(9 / 256, rel=1e-3)


def test_padding_is_no_box_and_a_crowd_is_no_background() -> None:
    from trainer.detection.targets import CROWD, PADDING

    found = assigned([[0.0, 0.0, 16.0, 16.0], [32.0, 16.0, 64.0, 48.0]], [PADDING, CROWD])
    assert found.scores.numpy().max() == 0.0
    counted = found.counted.numpy()[0].reshape(6, 8)
    expected = np.ones((6, 8))
    expected[2:, 4:] = 0.0
    assert counted.tolist() == expected.tolist()


def test_overlaps_are_shares_of_the_union() -> None:
    import tensorflow as tf

    from trainer.detection.targets import pairwise_iou

    one = tf.constant([[[0.0, 0.0, 2.0, 2.0]]])
    others = tf.constant([[[1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 6.0, 6.0], [1.0, 1.0, 1.0, 1.0]]])
    assert pairwise_iou(one, others).numpy()[0, 0].tolist() == pytest.approx([1 / 7, 1.0, 0.0, 0.0])
