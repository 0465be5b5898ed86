"""A training on two devices, for a process of its own: TensorFlow sees devices once.

Prints one JSON object: what was seen on two logical processors and on one, and what was refused.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from contract.errors import ConfigError
from trainer.data.dataset import prepare
from trainer.data.origin import open_origin
from trainer.learning import framework
from trainer.learning.checkpoints import Checkpoints, bound
from trainer.settings import (
    Augmentation,
    InputSettings,
    NetworkSettings,
    Suggestion,
    TrainConfig,
    TrainingSettings,
    resolve,
)

PREP = InputSettings(size_wh=(16, 16))


class _StoppedError(Exception):
    """Raised in the middle of a training."""


def main(pictures: Path, place: Path) -> None:
    """Train on one device, on two, and on two with an interruption."""
    _see_two_processors()
    from trainer.learning.weights import weights_digest

    framework.prepare(threads=1, seed=5)
    origin = open_origin(str(pictures))
    suggestion = Suggestion(preprocessing=PREP, augmentation=Augmentation(flip=True))
    config = TrainConfig(seed=5, preprocessing=PREP, network=NetworkSettings(width=0.5))
    data = prepare(origin, PREP, seed=5, settings=config.data)

    def train(devices: int, checkpoints_at: Path | None = None, stop_in: int = 99) -> dict[str, object]:
        import keras

        from trainer.architecture.networks import build_classifier
        from trainer.learning.fitting import fit

        training = TrainingSettings(epochs=2, batch=8, threads=1, devices=devices, ema=0.9, checkpoint_seconds=1e-6)
        given = msgspec.structs.replace(config, training=training)
        settings = resolve(given, name="x", suggestion=suggestion, train_pictures=len(data.splits["train"]))
        keras.utils.set_random_seed(5)
        model = build_classifier(PREP, len(data.labels), settings.network)

        def tell(epoch: int, _logs: Mapping[str, float]) -> None:
            if epoch == stop_in:
                raise _StoppedError

        kept = Checkpoints(checkpoints_at, bound(data, settings), seconds=1e-6, say=print) if checkpoints_at else None
        fitted = fit(model, data, settings, tell, checkpoints=kept)
        return {
            "weights": weights_digest(model),
            "pictures": fitted.pictures,
            "val_loss": fitted.history["val_loss"],
            "loss": fitted.history["loss"],
        }

    said: dict[str, object] = {"one": train(1), "two": train(2)}
    try:
        train(2, place, stop_in=2)
    except _StoppedError:
        said["resumed"] = train(2, place)
    try:
        train(3)
    except ConfigError as refused:
        said["refused"] = refused.what
    sys.stdout.write(json.dumps(said))


def _see_two_processors() -> None:
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
