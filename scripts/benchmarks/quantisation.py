"""Learning with rounding against calibration, over several seeds, with a float model trained as much longer beside it.

Two networks on the digits: the trainer's own, and a hard one, whose channels are rescaled by powers of two up to 3.5
each way after training. It computes the same, but one scale a tensor no longer suits its activations. Every training
is measured on its own test split and on three changed copies of it. Files are full int8 and run by LiteRT; weights of
4 bits are an experiment inside Keras, and no file is made of them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.figure import Figure, at_least, at_most
from trainer.data.dataset import Pictures, Prepared, prepare
from trainer.data.origin import open_origin
from trainer.learning import framework
from trainer.progress import Silent
from trainer.quantization_aware.settings import QuantizationSettings
from trainer.settings import Resolved, TrainConfig, TrainingSettings, resolve, usable_cores

if TYPE_CHECKING:
    import keras

SEEDS, _SHORT_SEEDS = 5, 2
_EPOCHS, _LONGER = 12, 4
_COPIES = 3
_SPREAD = 3.5
"""Channels of the hard network are multiplied by up to 2 to this power."""
_T_95 = {2: 12.706, 5: 2.776}
"""Student's t, two-sided 95 %, by the number of seeds."""
Answers = dict[str, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class _Task:
    """One seed's pictures and settings."""

    data: Prepared
    settings: Resolved
    measured: Pictures


def figures(short: bool) -> dict[str, Figure]:
    """Shares of right answers in percent, and differences in points, both over seeds."""
    framework.prepare(threads=usable_cores(), seed=0)
    seeds = range(_SHORT_SEEDS if short else SEEDS)
    found: dict[str, Figure] = {}
    right: dict[str, list[float]] = {}
    same, asked = {"own": 0, "hard": 0}, 0
    for seed in seeds:
        task = _task(seed)
        for name, answers in _answers_by_network(task).items():
            for way, given in answers.items():
                right.setdefault(f"{name}_{way}", []).append(100 * float(np.mean(given == task.measured.labels)))
            same[name] += int(np.sum(answers["aware_int8"] == answers["aware_keras"]))
        asked += len(task.measured)
    for name, shares in right.items():
        found[name] = Figure(statistics.mean(shares), f"% +- {statistics.stdev(shares):.2f}")
    for name in ("own", "hard"):
        found |= _differences(name, right)
    found["own_4_bits_aware_minus_float_longer"] = _difference(right["own_4_bits_aware"], right["own_float_longer"])
    loss = statistics.mean(right["own_float"]) - statistics.mean(right["own_calibrated_int8"])
    found["own_loss_by_calibration"] = at_most(loss, 0.5, "points")
    found["own_aware_keras_and_file_agree"] = at_least(100 * same["own"] / asked, 99.9, f"% ({same['own']} of {asked})")
    found["hard_aware_keras_and_file_agree"] = Figure(100 * same["hard"] / asked, f"% ({same['hard']} of {asked})")
    found["measured"] = Figure(len(task.measured), f"pictures a seed, {len(seeds)} seeds")
    return found


def _differences(name: str, right: Mapping[str, Sequence[float]]) -> dict[str, Figure]:
    aware = right[f"{name}_aware_int8"]
    return {
        f"{name}_aware_minus_{other}": _difference(aware, right[f"{name}_{other}"])
        for other in ("calibrated_int8", "longer_calibrated_int8")
    }


def _difference(first: Sequence[float], second: Sequence[float]) -> Figure:
    """Of the same seeds, with the 95 % interval of its mean."""
    paired = [a - b for a, b in zip(first, second, strict=True)]
    half = _T_95[len(paired)] * statistics.stdev(paired) / math.sqrt(len(paired))
    return Figure(statistics.mean(paired), f"points +- {half:.2f} (95 %)")


def _task(seed: int) -> _Task:
    origin = open_origin("digits")
    config = TrainConfig(
        seed=seed,
        training=TrainingSettings(epochs=_EPOCHS, patience=_EPOCHS),
        quantization=QuantizationSettings(aware="auto", epochs=_LONGER),
    )
    data = prepare(origin, origin.suggestion.preprocessing, seed=seed, settings=config.data)
    settings = resolve(
        config, name=f"seed-{seed}", suggestion=origin.suggestion, train_pictures=len(data.splits["train"])
    )
    return _Task(data, settings, with_copies(data.splits["test"], settings))


def with_copies(pictures: Pictures, settings: Resolved) -> Pictures:
    """`pictures` and changed copies of them, changed as for training, by another seed than training has."""
    import tensorflow as tf

    from trainer.learning.augmentation import augment

    frames = [pictures.frames]
    for copy in range(_COPIES):
        seed = tf.constant([settings.seed + 1_000_000, copy], tf.int64)
        changed = augment(tf.constant(pictures.frames, tf.float32), seed, settings.augmentation)
        frames.append(np.clip(np.rint(changed.numpy()), 0, 255).astype(np.uint8))
    return Pictures(
        frames=np.concatenate(frames),
        labels=np.tile(pictures.labels, len(frames)),
        names=pictures.names * len(frames),
        digests=pictures.digests * len(frames),
    )


def _answers_by_network(task: _Task) -> dict[str, Answers]:
    import keras

    from trainer.architecture.networks import build_classifier
    from trainer.learning.fitting import fit

    found = {}
    for name in ("own", "hard"):
        keras.utils.set_random_seed(task.settings.seed)
        settings = task.settings
        prep, classes = settings.preprocessing, len(task.data.labels)
        model = build_classifier(prep, classes, settings.network) if name == "own" else _plain_network(classes)
        fit(model, task.data, settings, lambda *_: None)
        if name == "hard":
            _rescale(model, np.random.default_rng(settings.seed))
        found[name] = _answers(model, task, four_bits=name == "own")
    return found


def _answers(model: keras.Model, task: _Task, *, four_bits: bool) -> Answers:
    """First answers of every way to bring `model` to int8, by name."""
    import keras

    from trainer.learning.inference import scores_of
    from trainer.measurement.evaluation import first_answers
    from trainer.quantization_aware.cloning import FULL_INT8, Rounding, quantised_clone
    from trainer.quantization_aware.int8_file import calibrated_int8_file, file_scores, int8_file
    from trainer.quantization_aware.training import calibration_pictures, input_range, set_ranges, train_on

    frames, prep = task.measured.frames, task.settings.preprocessing
    calibration = calibration_pictures(task.data, prep)

    def clone(rounding: Rounding) -> keras.Model:
        made = quantised_clone(model, input_range=input_range(prep), rounding=rounding)
        set_ranges(made, calibration)
        return made

    def trained(network: keras.Model) -> keras.Model:
        train_on(network, task.data, task.settings, Silent())
        return network

    def of(network: keras.Model) -> Any:
        return first_answers(scores_of(network, frames, prep))

    def of_file(file: bytes) -> Any:
        return first_answers(file_scores(file, frames, prep))

    longer = keras.models.clone_model(model)
    longer.set_weights(model.get_weights())
    longer, aware = trained(longer), trained(clone(FULL_INT8))
    found = {
        "float": of(model),
        "float_longer": of(longer),
        "calibrated_int8": of_file(calibrated_int8_file(model, calibration)),
        "longer_calibrated_int8": of_file(calibrated_int8_file(longer, calibration)),
        "aware_keras": of(aware),
        "aware_int8": of_file(int8_file(aware)),
    }
    if four_bits:
        fine = Rounding(weight_bits=4)
        found |= {"4_bits_untrained": of(clone(fine)), "4_bits_aware": of(trained(clone(fine)))}
    return found


def _plain_network(classes: int) -> keras.Model:
    """Three convolutions, batch normalisation and ReLU without a ceiling, which lets channels be rescaled."""
    from keras import Input, Model, layers

    features = pictures = Input((32, 32, 1))
    for number, channels in enumerate((16, 32, 64)):
        features = layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False, name=f"conv{number}")(features)
        features = layers.BatchNormalization(momentum=0.9, name=f"bn{number}")(features)
        features = layers.ReLU(name=f"relu{number}")(features)
    features = layers.GlobalAveragePooling2D()(features)
    scores = layers.Softmax(name="scores")(layers.Dense(classes, name="logits")(features))
    return Model(pictures, scores)


def _rescale(model: keras.Model, drawn: np.random.Generator) -> None:
    """Multiply each channel behind a ReLU by a factor, and what the next layer makes of it by its inverse."""
    for number, following in ((0, "conv1"), (1, "conv2"), (2, "logits")):
        normalisation, next_layer = model.get_layer(f"bn{number}"), model.get_layer(following)
        factor = 2.0 ** drawn.uniform(-_SPREAD, _SPREAD, normalisation.gamma.shape[0])
        normalisation.gamma.assign(normalisation.gamma * factor)
        normalisation.beta.assign(normalisation.beta * factor)
        kernel = np.asarray(next_layer.kernel)
        next_layer.kernel.assign(kernel / (factor[:, None] if kernel.ndim == 2 else factor[None, None, :, None]))
