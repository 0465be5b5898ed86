"""A small network taught by a larger one: its targets are also the teacher's scores for the very picture it sees.

The loss is (1 - weight) times the ordinary one plus weight times T^2 times the divergence from the teacher's scores
to the pupil's, both softened by the temperature T (Hinton, Vinyals and Dean, arXiv 1503.02531). Softened scores are
made from scores, since log(softmax(z)) is z but for a constant that the next softmax takes away again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from msgspec import UNSET

from contract.errors import ConfigError
from contract.manifest import Preprocessing
from trainer.learning.feeding import normalised
from trainer.learning.inference import open_keras
from trainer.run_folder import Run, open_run
from trainer.settings import Resolved

_SMALLEST = 1e-7
"""Stands in for a score of zero, as in Keras' own cross-entropy."""
Teacher = Callable[[Any], Any]
"""From the pupil's input batch to scores (N, classes)."""


class Pupil(keras.Model):  # type: ignore[misc]
    """A network with the layers and weights of another that is trained on a teacher's scores as well.

    Validation loss stays the ordinary one, so that trainings with and without a teacher can be compared.
    """

    def learn_from(self, teacher: Teacher, *, temperature: float, weight: float) -> None:
        """Say who teaches; kept in a function, as Keras would count a model's weights among the pupil's."""

        def soft_losses(pictures: Any, scores: Any) -> Any:
            wanted, given = softened(teacher(pictures), temperature), softened(scores, temperature)
            return temperature**2 * tf.reduce_sum(wanted * (tf.math.log(wanted) - tf.math.log(given)), axis=-1)

        self._soft_losses, self._weight = soft_losses, weight

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Keras asks for it at each step, with the batch as the network sees it."""
        hard = super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        if not training:
            return hard
        soft = self._soft_losses(x, tf.cast(y_pred, tf.float32))
        if sample_weight is not None:
            soft = soft * tf.cast(sample_weight, soft.dtype)
        return (1.0 - self._weight) * hard + self._weight * tf.reduce_mean(soft)


def taught(model: keras.Model, labels: tuple[str, ...], settings: Resolved) -> keras.Model:
    """`model` itself, or one that shares its weights and learns from the run `training.teacher` too.

    ConfigError where that run cannot teach these pictures.
    """
    training = settings.training
    if training.teacher is UNSET:
        return model
    run = open_run(Path(training.teacher))
    _check(run, labels, settings)
    pupil = Pupil(model.input, model.output, name=model.name)
    pupil.learn_from(
        _teacher(run, settings.preprocessing),
        temperature=training.teacher_temperature,
        weight=training.teacher_weight,
    )
    return pupil


def softened(scores: Any, temperature: float) -> Any:
    """The scores (N, classes) a softmax would have given for logits divided by `temperature`, none of them zero."""
    powers = tf.math.log(tf.maximum(scores, _SMALLEST)) / temperature
    return tf.maximum(tf.nn.softmax(powers), _SMALLEST)


def _teacher(run: Run, prep: Preprocessing) -> Teacher:
    """The run's model, fed with what the pupil sees: back to pixels, to its size, to its own real values."""
    model = open_keras(run.model)
    model.trainable = False
    own = run.settings.preprocessing
    width, height = own.size_wh

    def scores(pictures: Any) -> Any:
        pixels = pictures * tf.constant(prep.std, tf.float32) + tf.constant(prep.mean, tf.float32)
        if own.size_wh != prep.size_wh:
            pixels = tf.image.resize(pixels, (height, width), antialias=True)
        return tf.stop_gradient(tf.cast(model(normalised(pixels, own), training=False), tf.float32))

    return scores


def _check(run: Run, labels: tuple[str, ...], settings: Resolved) -> None:
    own, prep = run.settings.preprocessing, settings.preprocessing
    if run.settings.task != settings.task:
        raise _refused(run, f"it does {run.settings.task}, not {settings.task}")
    if run.dataset.labels != labels:
        theirs, ours = ", ".join(run.dataset.labels), ", ".join(labels)
        raise _refused(run, f"its labels are {theirs}; those of these pictures are {ours}")
    for key in ("colour", "resize"):
        if getattr(own, key) != getattr(prep, key):
            raise _refused(run, f"its {key} is {getattr(own, key)!r}, this training's is {getattr(prep, key)!r}")
    (width, height), (own_width, own_height) = prep.size_wh, own.size_wh
    if width * own_height != height * own_width:
        raise _refused(run, f"its pictures are {own_width}x{own_height}, of another shape than {width}x{height}")


def _refused(run: Run, why: str) -> ConfigError:
    return ConfigError(
        f"the teacher cannot teach here: {why}",
        where=str(run.path),
        fix="Name a run trained on the same task and labels.",
    )
