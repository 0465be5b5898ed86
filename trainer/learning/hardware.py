"""What a training computes on: one device or several, in 32 or in 16 bits.

Decided once, when TensorFlow is there to be asked, and written into `train.toml`, so that "auto" never hides what was
done. On several devices each step's pictures are shared out among them (`MirroredStrategy`), so that `batch` stays the
number of pictures a step and an epoch shows as many pictures as on one device. In 16 bits (Micikevicius et al., arXiv
1710.03740) the weights stay float32, and so does the last layer, whose softmax would overflow.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import msgspec
import tensorflow as tf

from contract.errors import ConfigError
from trainer.settings import Resolved, ResolvedTraining

MIXED, FULL = "mixed_float16", "float32"


def settled(settings: Resolved) -> Resolved:
    """`settings` with "auto" replaced by what this machine has; ConfigError where it has less than was asked for."""
    training = settings.training
    gpus = tf.config.list_logical_devices("GPU")
    precision = training.precision if training.precision != "auto" else (MIXED if gpus else FULL)
    chosen = msgspec.structs.replace(training, precision=precision, devices=_count(training, len(gpus)))
    return msgspec.structs.replace(settings, training=chosen)


def _count(training: ResolvedTraining, gpus: int) -> int:
    """How many devices; processors are several only where TensorFlow was told to see them so."""
    there = gpus or len(tf.config.list_logical_devices("CPU"))
    if training.devices == "auto":
        return max(number for number in range(1, max(gpus, 1) + 1) if training.batch % number == 0)
    if training.devices > there:
        raise ConfigError(
            f"{training.devices} devices were asked for, and TensorFlow sees {there}",
            where="training.devices",
            fix='Give the number there is, or "auto".',
        )
    if training.batch % training.devices:
        raise ConfigError(
            f"a batch of {training.batch} pictures cannot be shared out evenly among {training.devices} devices",
            where="training.batch",
            fix=f"Use a multiple of {training.devices}.",
        )
    return training.devices


def twin(model: keras.Model, training: ResolvedTraining) -> keras.Model:
    """`model` as it is trained: itself on one device in float32, else a copy of equal layers and weights.

    `training` is settled. The weights go back with `model.set_weights(twin.get_weights())`: `model` stays float32.
    ConfigError for a model whose class trains in a way of its own, which a copy of its layers would forget.
    """
    if training.devices == 1 and training.precision == FULL:
        return model
    if type(model) is not type(keras.Model(model.inputs, model.outputs)):
        raise ConfigError(
            f"a {type(model).__name__} is trained on one device in float32 only",
            where="training.devices, training.precision",
            fix=f'Write: devices = 1, precision = "{FULL}"',
        )
    kept_full = {operation.name for operation in map(_maker, model.outputs)}
    with _strategy(training).scope():
        copy = keras.models.clone_model(model, clone_function=partial(_layer, training.precision, kept_full))
    copy.set_weights(model.get_weights())
    return copy


def scaled(optimizer: keras.optimizers.Optimizer, training: ResolvedTraining) -> keras.optimizers.Optimizer:
    """`optimizer`, in 16 bits around a loss made large enough for small gradients to count."""
    return keras.optimizers.LossScaleOptimizer(optimizer) if training.precision == MIXED else optimizer


def _strategy(training: ResolvedTraining) -> tf.distribute.Strategy:
    if training.devices == 1:
        return tf.distribute.get_strategy()
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return tf.distribute.MirroredStrategy([f"{kind}:{number}" for number in range(int(training.devices))])


def _layer(precision: str, kept_full: set[str], layer: keras.layers.Layer) -> keras.layers.Layer:
    config = layer.get_config()
    if not isinstance(layer, keras.layers.InputLayer):
        config["dtype"] = FULL if layer.name in kept_full else precision
    return type(layer).from_config(config)


def _maker(tensor: Any) -> Any:
    return tensor._keras_history.operation
