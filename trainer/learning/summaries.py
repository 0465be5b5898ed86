"""The course of a training for TensorBoard: a point an epoch of losses, accuracies and the learning rate.

Of a detector the mAP of the last look at the validation split is drawn until the next one.

Only read by people: nothing here takes part in the training, and a run does not carry it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from contract.errors import ConfigError

_TAGS = {
    "loss": "loss/train",
    "val_loss": "loss/validation",
    "accuracy": "accuracy/train",
    "val_accuracy": "accuracy/validation",
    "val_map": "map50_95/validation",
    "learning_rate": "learning_rate",
}


class Summaries:
    """An event file in `folder`; a resumed training adds one, and its epochs continue the curves."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._writer = tf.summary.create_file_writer(str(folder))
        except (OSError, tf.errors.OpError) as problem:
            raise ConfigError(
                f"TensorBoard's file cannot be written: {problem}", where=str(folder), fix="Choose another folder."
            ) from problem

    def epoch(self, number: int, logs: Mapping[str, float]) -> None:
        """A point for each value of epoch `number`, from 1, on disk before this returns; none for what is no number."""
        with self._writer.as_default(step=number):
            for name, tag in _TAGS.items():
                if math.isfinite(logs.get(name, math.nan)):
                    _scalar(tag, logs[name])
        self._writer.flush()

    def close(self) -> None:
        """No more epochs."""
        self._writer.close()


@contextmanager
def summaries_in(folder: str) -> Iterator[Summaries | None]:
    """Summaries that are closed afterwards; None where no folder is named."""
    if not folder:
        yield None
        return
    summaries = Summaries(Path(folder))
    try:
        yield summaries
    finally:
        summaries.close()


def _scalar(tag: str, value: float) -> None:
    """What `tf.summary.scalar` writes, which needs the tensorboard package to say so little."""
    kind = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"), data_class="DATA_CLASS_SCALAR"
    )
    tf.summary.write(tag, tf.constant(value, tf.float32), metadata=kind)
