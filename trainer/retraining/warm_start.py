"""The first weights of a retraining: the base's own, with a larger head where classes came in addition."""

from __future__ import annotations

import keras

from contract.errors import ModelError
from trainer.architecture.networks import LOGITS, SCORES
from trainer.learning.inference import open_keras
from trainer.learning.weights import weights_digest
from trainer.run_folder import Run


def base_model(run: Run) -> keras.Model:
    """The run's model; ModelError where its file is not the one its metrics are of."""
    model = open_keras(run.model)
    found = weights_digest(model)
    if found != run.metrics.weights:
        raise ModelError(
            f"its weights are {found[:19]}…, and the run was measured with {run.metrics.weights[:19]}…",
            where=str(run.model),
            fix="Restore the file, or train the run again.",
        )
    return model


def warm_start(run: Run, classes: int) -> keras.Model:
    """The run's model to train on, answering `classes` classes: its own first, then new ones.

    The rows of known classes keep their weights; those of new ones start as in any new layer.
    """
    model = base_model(run)
    if model.output.shape[-1] == classes:
        return model
    try:
        old = model.get_layer(LOGITS)
    except ValueError as problem:
        raise ModelError(
            f"it has no layer {LOGITS!r} to enlarge", where=str(run.model), fix="Train anew: --from-scratch"
        ) from problem
    new = keras.layers.Dense(classes, name=LOGITS)
    grown = keras.Model(model.input, keras.layers.Softmax(name=SCORES)(new(old.input)), name=model.name)
    (kernel, bias), (old_kernel, old_bias) = new.get_weights(), old.get_weights()
    kernel[:, : old_kernel.shape[1]], bias[: len(old_bias)] = old_kernel, old_bias
    new.set_weights([kernel, bias])
    return grown
