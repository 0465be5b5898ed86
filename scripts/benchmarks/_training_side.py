"""One side of the trainer's benchmark: an epoch for each line it reads, its pictures a second on standard output."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import msgspec

from contract.manifest import slug
from trainer import framework
from trainer.dataset import Prepared, prepare
from trainer.origin import open_origin
from trainer.settings import Augmentation, Resolved, TrainConfig, resolve

if TYPE_CHECKING:
    import keras

SEED = 1


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
    from trainer.fitting import fit

    fit(model, data, settings, turns.epoch_ended)


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
    """Train the digits' network for `epochs` epochs in turns; `kind` is bare, ours or augmented."""
    origin = open_origin("digits")
    config = TrainConfig(seed=SEED)
    if kind != "augmented":
        config = msgspec.structs.replace(config, augmentation=Augmentation())
    data = prepare(origin, origin.suggestion.preprocessing, seed=SEED, settings=config.data)
    pictures = len(data.splits["train"])
    settings = resolve(config, name=slug(kind), suggestion=origin.suggestion, train_pictures=pictures)
    training = msgspec.structs.replace(settings.training, epochs=epochs, patience=epochs)
    settings = msgspec.structs.replace(settings, training=training)
    framework.prepare(threads=training.threads, seed=None if kind == "bare" else SEED)
    from trainer.networks import build_classifier

    model = build_classifier(settings.preprocessing, len(data.labels), settings.network)
    (train_bare if kind == "bare" else train_ours)(model, data, settings, Turns(pictures))


main(sys.argv[1], int(sys.argv[2]))
