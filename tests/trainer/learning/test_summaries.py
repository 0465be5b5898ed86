"""TensorBoard's event file, read back."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from contract.errors import ConfigError
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW

pytestmark = WITH_TENSORFLOW


def points_in(folder: Path) -> list[tuple[int, str, float]]:
    """Epoch, tag and value."""
    import tensorflow as tf

    (file,) = folder.iterdir()
    events = [tf.compat.v1.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(file))]
    return [
        (event.step, value.tag, float(tf.make_ndarray(value.tensor)))
        for event in events
        for value in event.summary.value
    ]


def test_every_epoch_is_a_point_of_each_curve(tmp_path: Path) -> None:
    from trainer.learning.summaries import summaries_in

    with summaries_in(str(tmp_path / "logs")) as summaries:
        assert summaries is not None
        for epoch in (1, 2):
            summaries.epoch(epoch, {"loss": 1 / epoch, "val_accuracy": 0.5 * epoch, "learning_rate": 1e-3})
    assert points_in(tmp_path / "logs") == [
        (1, "loss/train", 1.0), (1, "accuracy/validation", 0.5), (1, "learning_rate", pytest.approx(1e-3)),
        (2, "loss/train", 0.5), (2, "accuracy/validation", 1.0), (2, "learning_rate", pytest.approx(1e-3)),
    ]  # fmt: skip


def test_a_detector_s_map_is_a_point_once_it_was_measured(tmp_path: Path) -> None:
    from trainer.learning.summaries import summaries_in

    with summaries_in(str(tmp_path / "logs")) as summaries:
        assert summaries is not None
        for epoch, seen in ((1, math.nan), (2, 0.5)):
            summaries.epoch(epoch, {"loss": 1.0, "val_map": seen})
    assert points_in(tmp_path / "logs") == [
        (1, "loss/train", 1.0), (2, "loss/train", 1.0), (2, "map50_95/validation", 0.5),
    ]  # fmt: skip


def test_no_folder_means_no_file_and_a_bad_one_is_said(tmp_path: Path) -> None:
    from trainer.learning.summaries import summaries_in

    with summaries_in("") as nothing:
        assert nothing is None
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="TensorBoard"), summaries_in(str(tmp_path / "file" / "logs")):
        pass
