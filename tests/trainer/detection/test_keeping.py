"""A detector's training that is stopped in the middle goes on to the very weights it would have had."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from contract.errors import ConfigError
from tests.conftest import edgeferry
from tests.trainer.detection.drawn_boxes import LABELS, SIZE_WH, drawn_on_disk, drawn_origin
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.data.origin import open_origin
from trainer.detection.dataset import prepare_boxes
from trainer.detection.resolving import grid_of, resolve_detector
from trainer.learning.checkpoints import Arrays, Checkpoints, Position, bound, place_of
from trainer.progress import Silent
from trainer.run_folder import building
from trainer.settings import (
    Augmentation,
    DataSettings,
    InputSettings,
    NetworkSettings,
    Resolved,
    TrainConfig,
    TrainingSettings,
    load_config,
    usable_cores,
)

if TYPE_CHECKING:
    import keras

    from trainer.detection.fitting import FittedDetector

pytestmark = WITH_TENSORFLOW
PREP = InputSettings(size_wh=SIZE_WH)
DATA = prepare_boxes(
    drawn_origin([("train", 14), ("validation", 2), ("test", 2)]), PREP, seed=0, settings=DataSettings()
)


def settings(seed: int = 3) -> Resolved:
    config = TrainConfig(
        task="detect",
        seed=seed,
        preprocessing=PREP,
        network=NetworkSettings(width=0.25),
        training=TrainingSettings(epochs=3, batch=4, threads=usable_cores()),
        augmentation=Augmentation(shift=0.1, flip=True, brightness=0.2),
    )
    return resolve_detector(config, name="things", prep=PREP, train=DATA.splits["train"], classes=len(LABELS))


class _StoppedError(Exception):
    """Raised in the middle of a training."""


class _Stopping(Checkpoints):
    """Saves whenever it may, and ends the training once it has saved at `stop`, an epoch and a step."""

    def __init__(self, path: Path, stop: tuple[int, int] | None) -> None:
        super().__init__(path, bound(DATA, settings()), seconds=30.0, say=print)
        self._stop = stop

    def is_due(self) -> bool:
        return True

    def save(self, position: Position, arrays: Arrays) -> None:
        super().save(position, arrays)
        if (position.epoch, position.step) == self._stop:
            raise _StoppedError


def fitted(checkpoints: Checkpoints | None = None, told: list[float] | None = None) -> tuple[str, FittedDetector]:
    """The digest of the weights a short training comes to, and how it went."""
    import keras

    from trainer.detection.fitting import fit
    from trainer.detection.network import build_detector
    from trainer.learning.weights import weights_digest

    keras.utils.set_random_seed(3)
    model = build_detector(PREP, len(LABELS), settings().network, grid_of(settings()))

    def look(model: keras.Model) -> float:  # of a number that differs from look to look, where mAP is 0 so early
        return float(np.abs(model.get_weights()[0]).mean())

    def tell(_epoch: int, logs: Mapping[str, float]) -> None:
        assert set(logs) == {"loss", "val_map", "learning_rate"}

    def on_step(epoch: int, share: float, _logs: object) -> None:
        (told if told is not None else []).append(epoch - 1 + share)

    come_of = fit(model, DATA, settings(), grid_of(settings()), look, tell, on_step=on_step, checkpoints=checkpoints)
    return weights_digest(model), come_of


@pytest.mark.usefixtures("tensorflow")
def test_a_training_stopped_within_an_epoch_and_between_two_reaches_the_same_weights(tmp_path: Path) -> None:
    told: list[float] = []
    weights, whole = fitted(told=told)
    assert 0.0 < told[0] < 1.0
    for stop in ((1, 1), (2, 0)):
        with pytest.raises(_StoppedError):
            fitted(_Stopping(tmp_path / "resume", stop))
    resumed_weights, resumed = fitted(_Stopping(tmp_path / "resume", None))
    assert resumed_weights == weights
    assert (resumed.loss, resumed.looks, resumed.kept_epoch) == (whole.loss, whole.looks, whole.kept_epoch)
    assert sorted(whole.looks) == [1, 2, 3]


def test_what_was_begun_with_other_settings_or_boxes_is_not_gone_on_with(tmp_path: Path) -> None:
    Checkpoints(tmp_path / "resume", bound(DATA, settings(seed=4)), seconds=30.0, say=print).save(Position(), {})
    with pytest.raises(ConfigError, match="seed was 4, and is 3"):
        _Stopping(tmp_path / "resume", None).load()
    others = drawn_origin([("train", 14), ("validation", 2), ("test", 2)], seed=1)
    data = prepare_boxes(others, PREP, seed=0, settings=DataSettings())
    Checkpoints(tmp_path / "resume", bound(data, settings()), seconds=30.0, say=print).save(Position(), {})
    with pytest.raises(ConfigError, match="other pictures"):
        _Stopping(tmp_path / "resume", None).load()


SETTINGS = f"""
task = "detect"
name = "things"
[preprocessing]
size_wh = [64, 48]
[training]
epochs = 1
batch = 4
threads = {usable_cores()}
checkpoint_seconds = 0.01
[network]
width = 0.25
"""


def test_a_command_that_was_killed_goes_on_with_resume(tmp_path: Path) -> None:
    table = drawn_on_disk(tmp_path / "pictures", [("train", 14), ("validation", 2), ("test", 2)])
    settings, out = tmp_path / "train.toml", tmp_path / "run"
    settings.write_text(SETTINGS)
    command = ["train", str(table), "--config", str(settings), "--json", "--out", str(out)]
    _kill_in_the_middle(command, place_of(out))
    asked = edgeferry(*command, check=False)
    assert (asked.returncode, "was interrupted in epoch" in asked.stderr) == (2, True)
    resumed = json.loads(edgeferry(*command, "--resume").stdout)
    assert resumed["weights"] == _whole(table, settings, tmp_path / "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"pictures", "train.toml", "run", "whole"}


def _whole(table: Path, settings: Path, out: Path) -> str:
    """The digest of the weights the same training comes to in this process, without an interruption."""
    from trainer.detection.detecting import settled_boxes, train_prepared_boxes

    boxes = settled_boxes(open_origin(str(table)), "things", load_config(settings), Silent())
    with building(out, force=False) as folder:
        return train_prepared_boxes(folder, *boxes, Silent()).metrics.weights


def _kill_in_the_middle(command: list[str], checkpoint: Path) -> None:
    with subprocess.Popen([sys.executable, "-m", "edgeferry", *command], stdout=subprocess.DEVNULL) as training:
        given_up = time.monotonic() + 900
        while training.poll() is None and not checkpoint.exists() and time.monotonic() < given_up:
            time.sleep(0.002)
        training.send_signal(signal.SIGKILL)
    assert training.returncode == -signal.SIGKILL
    assert checkpoint.exists()
