"""One side of the trainer's benchmark: an epoch for each line it reads, its pictures a second on standard output."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from contract.manifest import slug
from trainer.data.dataset import Prepared, prepare
from trainer.data.origin import open_origin
from trainer.learning import framework
from trainer.settings import Augmentation, Resolved, TrainConfig, resolve

if TYPE_CHECKING:
    import keras

SEED = 1
EMA = 0.99


class Turns:
    """Reports an epoch and waits for the word to begin the next."""

    def __init__(self, pictures: int) -> None:
        self._pictures = pictures
        self._begun = time.perf_counter()

    def epoch_ended(self, *_: object) -> None:
        """Called after each epoch, validation included."""
        sys.stdout.write(f"{self._pictures / (time.perf_counter() - self._begun)}\n")
        sys.stdout.flush()
        sys.stdin.readline()
        self._begun = time.perf_counter()


def train_ours(model: keras.Model, data: Prepared, settings: Resolved, turns: Turns) -> None:
    """The trainer's own way."""
    from trainer.learning.fitting import fit

    fit(model, data, settings, turns.epoch_ended)


def train_kept(model: keras.Model, data: Prepared, settings: Resolved, turns: Turns) -> None:
    """The same with a checkpoint as often as the trainer allows itself."""
    from trainer.learning.checkpoints import Checkpoints, bound
    from trainer.learning.fitting import fit

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.resume"
        checkpoints = Checkpoints(path, bound(data, settings), seconds=1e-6, say=print)
        fit(model, data, settings, turns.epoch_ended, checkpoints=checkpoints)


def train_bare(model: keras.Model, data: Prepared, settings: Resolved, turns: Turns) -> None:
    """`model.fit` as the Keras guides have it."""
    import keras

    from edge.preprocess import real_values

    pairs = {
        name: (real_values(split.frames, settings.preprocessing), keras.utils.to_categorical(split.labels))
        for name, split in data.splits.items()
    }
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        *pairs["train"],
        batch_size=settings.training.batch,
        epochs=settings.training.epochs,
        validation_data=pairs["validation"],
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=turns.epoch_ended)],
        verbose=0,
    )


def main(kind: str, epochs: int) -> None:
    """Train the digits' network for `epochs` epochs in turns; `kind` is bare, ours, ema, kept or augmented."""
    origin = open_origin("digits")
    config = TrainConfig(seed=SEED)
    if kind != "augmented":
        config = msgspec.structs.replace(config, augmentation=Augmentation())
    data = prepare(origin, origin.suggestion.preprocessing, seed=SEED, settings=config.data)
    pictures = len(data.splits["train"])
    settings = resolve(config, name=slug(kind), suggestion=origin.suggestion, train_pictures=pictures)
    ema = EMA if kind == "ema" else 0.0
    training = msgspec.structs.replace(settings.training, epochs=epochs, patience=epochs, ema=ema)
    settings = msgspec.structs.replace(settings, training=training)
    framework.prepare(threads=training.threads, seed=None if kind == "bare" else SEED)
    from trainer.architecture.networks import build_classifier

    model = build_classifier(settings.preprocessing, len(data.labels), settings.network)
    {"bare": train_bare, "kept": train_kept}.get(kind, train_ours)(model, data, settings, Turns(pictures))


main(sys.argv[1], int(sys.argv[2]))
