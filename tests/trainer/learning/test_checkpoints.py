"""A training that is ended or killed in the middle goes on to the very weights it would have had."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import pytest

from contract.errors import ConfigError
from contract.run import METRICS
from tests.conftest import edgeferry
from tests.trainer.drawn_pictures import draw
from tests.trainer.records import DIGEST
from trainer.learning.checkpoints import Arrays, Bound, Checkpoints, Position, leftover_settled, place_of
from trainer.retraining.lineage import Base
from trainer.run_folder import open_run
from trainer.settings import Augmentation, InputSettings, Suggestion, TrainConfig, resolve

SETTINGS = """
name = "tiny"
seed = 11
[preprocessing]
size_wh = [16, 16]
[training]
epochs = 12
batch = 8
patience = 12
threads = 1
ema = 0.9
checkpoint_seconds = 0.01
[network]
width = 0.5
[augmentation]
rotation_degrees = 10
flip = true
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures and settings of a training of some seconds; it saves as often as it may."""
    root = tmp_path_factory.mktemp("resume")
    draw(root / "pictures", {"cat": 60, "dog": 60})
    (root / "train.toml").write_text(SETTINGS)
    return root


def command(place: Path, name: str, *options: str) -> list[str]:
    settings = ["--config", str(place / "train.toml"), "--out", str(place / name)]
    return ["train", str(place / "pictures"), *settings, *options]


def interrupt(place: Path, sent: signal.Signals, *options: str) -> str:
    """Train to the run `stopped`, and send the process a signal once it has written a checkpoint; what it said."""
    file = place_of(place / "stopped")
    before = file.stat().st_mtime_ns if file.exists() else 0
    arguments = [sys.executable, "-m", "edgeferry", *command(place, "stopped", *options)]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as training:
        given_up = time.monotonic() + 900
        while training.poll() is None and time.monotonic() < given_up:
            with suppress(FileNotFoundError):
                if file.stat().st_mtime_ns != before:
                    break
            time.sleep(0.002)
        training.send_signal(sent)
        _, said = training.communicate()
    assert training.returncode not in (0, None)
    assert file.exists()
    assert not (place / "stopped").exists()
    return said


def test_a_training_ended_and_killed_in_the_middle_reaches_the_same_weights(place: Path) -> None:
    edgeferry(*command(place, "whole", "--quiet"))
    said = interrupt(place, signal.SIGTERM)
    assert "Interrupted in epoch" in said
    asked = edgeferry(*command(place, "stopped"), check=False)
    assert asked.returncode == 2
    assert all(word in asked.stderr for word in ("was interrupted in epoch", "--resume", "--fresh"))
    interrupt(place, signal.SIGKILL, "--resume")
    edgeferry(*command(place, "stopped", "--resume", "--json"))
    whole, stopped = (open_run(place / name) for name in ("whole", "stopped"))
    assert stopped.metrics.weights == whole.metrics.weights
    assert stopped.metrics.epochs == whole.metrics.epochs == 12
    histories = [msgspec.json.decode((run.path / METRICS).read_bytes())["history"] for run in (stopped, whole)]
    assert histories[0] == histories[1]
    assert {path.name for path in place.iterdir()} == {"pictures", "train.toml", "whole", "stopped"}


def bound(seed: int = 1, pictures: str = "ab") -> Bound:
    suggestion = Suggestion(preprocessing=InputSettings(size_wh=(16, 16)), augmentation=Augmentation())
    settings = resolve(TrainConfig(seed=seed), name="x", suggestion=suggestion, train_pictures=10)
    return Bound(settings=settings, pictures="sha256:" + 32 * pictures, software={"keras": "3"}, machine="x86_64 Linux")


BASE = Base(name="x", weights=DIGEST, dataset=DIGEST, test=DIGEST, warm=True)


def checkpoints(out: Path, to: Bound | None = None, said: list[str] | None = None) -> Checkpoints:
    return Checkpoints(place_of(out), to or bound(), seconds=30.0, say=(said if said is not None else []).append)


ARRAYS: Arrays = {"state": [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, np.int64)], "best": []}


def test_what_was_saved_comes_back_bit_by_bit(tmp_path: Path) -> None:
    position = Position(epoch=3, step=5, seconds=1.5, best_epoch=2, best_loss=0.1, history={"loss": (0.3, 0.2, None)})
    checkpoints(tmp_path / "run").save(position, ARRAYS)
    found = checkpoints(tmp_path / "run").load()
    assert found is not None
    assert found[0] == position
    assert found[1]["best"] == []
    for before, after in zip(ARRAYS["state"], found[1]["state"], strict=True):
        assert (before.dtype, before.shape, before.tobytes()) == (after.dtype, after.shape, after.tobytes())
    assert [path.name for path in tmp_path.iterdir()] == ["run.resume"]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (bound(seed=2), "seed was 2, and is 1"),
        (bound(pictures="cd"), "other pictures"),
        (msgspec.structs.replace(bound(), software={"keras": "2"}), "keras was 2, and is 3"),
        (msgspec.structs.replace(bound(), base=BASE), "another base"),
        (msgspec.structs.replace(bound(), machine="aarch64 Linux"), "begun on aarch64 Linux"),
    ],
)
def test_what_has_changed_is_said_in_one_sentence(tmp_path: Path, other: Bound, said: str) -> None:
    checkpoints(tmp_path / "run", other).save(Position(), ARRAYS)
    with pytest.raises(ConfigError, match=said):
        checkpoints(tmp_path / "run").load()


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"something else entirely"])
def test_a_damaged_checkpoint_is_said_and_can_be_left_behind(tmp_path: Path, damage: bytes) -> None:
    place_of(tmp_path / "run").write_bytes(damage)
    with pytest.raises(ConfigError, match="cannot be read"):
        checkpoints(tmp_path / "run").load()
    with pytest.raises(ConfigError, match="cannot be read"), leftover_settled(tmp_path / "run", "ask", print):
        pass
    with leftover_settled(tmp_path / "run", "fresh", print):
        checkpoints(tmp_path / "run").forget()
        assert checkpoints(tmp_path / "run").load() is None


def test_a_checkpoint_cut_short_is_said(tmp_path: Path) -> None:
    checkpoints(tmp_path / "run").save(Position(), ARRAYS)
    whole = place_of(tmp_path / "run").read_bytes()
    for length in range(0, len(whole), 37):
        place_of(tmp_path / "run").write_bytes(whole[:length])
        with pytest.raises(ConfigError, match="cannot be read"):
            checkpoints(tmp_path / "run").load()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_place_that_takes_no_checkpoint_is_said_once_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "run.resume.new").symlink_to("/dev/full")
    said: list[str] = []
    kept = checkpoints(tmp_path / "run", said=said)
    kept.save(Position(), ARRAYS)
    assert len(said) == 1
    assert "cannot be written" in said[0]
    assert not kept.is_due()


def test_nothing_to_resume_is_a_beginning(tmp_path: Path) -> None:
    said: list[str] = []
    with leftover_settled(tmp_path / "run", "resume", said.append):
        assert checkpoints(tmp_path / "run").load() is None
    assert said == ["Nothing to resume: starting at the beginning"]
