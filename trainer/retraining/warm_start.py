"""The first weights of a retraining: the base's own, with a larger head where classes came in addition."""

from __future__ import annotations

import keras

from contract.errors import ModelError
from trainer.architecture.networks import LOGITS, SCORES
from trainer.detection import decoding as detector
from trainer.detection.network import FIRST_SCORE, last_convolution
from trainer.learning.inference import open_keras
from trainer.learning.weights import weights_digest
from trainer.run_folder import Run


def base_model(run: Run) -> keras.Model:
    """The run's model; ModelError where its file is not the one its metrics are of."""
    model = open_keras(run.model)
    found = weights_digest(model)
    if found != run.measured.weights:
        raise ModelError(
            f"its weights are {found[:19]}…, and the run was measured with {run.measured.weights[:19]}…",
            where=str(run.model),
            fix="Restore the file, or train the run again.",
        )
    return model


def warm_classifier(run: Run, classes: int) -> keras.Model:
    """The run's model to train on, answering `classes` classes: its own first, then new ones.

    The rows of known classes keep their weights; those of new ones start as in any new layer.
    """
    model = base_model(run)
    if model.output.shape[-1] == classes:
        return model
    old = _last(run, model, LOGITS)
    new = keras.layers.Dense(classes, name=LOGITS)
    scores = keras.layers.Softmax(name=SCORES)(new(old.input))
    _keep_known(new, old)
    return keras.Model(model.input, scores, name=model.name)


def warm_detector(run: Run, classes: int) -> keras.Model:
    """The same of a detector; new classes begin as unlikely as all did once."""
    model = base_model(run)
    known = model.output[detector.SCORES].shape
    if known[-1] == classes:
        return model
    old = _last(run, model, f"{detector.SCORES}_conv")
    new = last_convolution(detector.SCORES, classes)
    scores = keras.layers.Reshape((known[1], classes), name=detector.SCORES)(new(old.input))
    new.bias.assign([FIRST_SCORE] * classes)
    _keep_known(new, old)
    outputs = {detector.BOXES: model.output[detector.BOXES], detector.SCORES: scores}
    return keras.Model(model.input, outputs, name=model.name)


def _last(run: Run, model: keras.Model, name: str) -> keras.Layer:
    try:
        return model.get_layer(name)
    except ValueError as problem:
        raise ModelError(
            f"it has no layer {name!r} to enlarge", where=str(run.model), fix="Train anew: --from-scratch"
        ) from problem


def _keep_known(new: keras.Layer, old: keras.Layer) -> None:
    (kernel, bias), (old_kernel, old_bias) = new.get_weights(), old.get_weights()
    kernel[..., : old_kernel.shape[-1]], bias[: len(old_bias)] = old_kernel, old_bias
    new.set_weights([kernel, bias])
