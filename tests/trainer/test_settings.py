"""train.toml: strict where a person writes it, complete where a run keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.codec import from_toml
from contract.errors import ConfigError, ModelError
from contract.run import Settings
from trainer.data.digits import SUGGESTION
from trainer.settings import (
    Augmentation,
    NetworkSettings,
    TrainConfig,
    TrainingSettings,
    load_config,
    parse_resolved,
    resolve,
    to_toml,
    usable_cores,
)


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "train.toml"
    file.write_text(text)
    return file


def test_no_file_means_the_defaults() -> None:
    assert load_config(None) == TrainConfig()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed = 3\nepocs = 4\n", "epocs"),
        ("[training]\nbatch = 16\nlearning_rat = 0.1\n", "learning_rat"),
        ("[preprocessing]\nsize_wh = [64, 64]\ncolor = 'rgb'\n", "color"),
        ("[training]\nepochs = 0\n", "epochs"),
        ("[data]\ntest_share = 0.7\n", "test_share"),
        ("name = 'Digits!'\n", "name"),
        ("seed = [\n", "train.toml"),
        ("task = 'detect'\n[training]\nteacher = 'runs/large'\n", "training.teacher is for classifiers alone"),
        ("task = 'detect'\n[network]\nfamily = 'mobile'\n", "network.family is for classifiers alone"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(written(tmp_path, text))
    assert said in str(refused.value)
    assert "train.toml" in refused.value.where


def test_an_unknown_key_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(written(tmp_path, "[training]\nbatch = 16\nlearning_rat = 0.1\n"))
    assert refused.value.where.endswith("train.toml:3")


@pytest.mark.parametrize(
    ("preprocessing", "said"),
    [
        ("size_wh = [4, 4]", "too small"),
        ("size_wh = [32, 32]\nstd = [0.0]", "zero"),
        ("size_wh = [32, 32]\ncolour = 'grey'\nmean = [1.0, 2.0, 3.0]", "3 values for 1 channels"),
        ("size_wh = [32, 32]\nlayout = 'nchw'", "nchw"),
    ],
)
def test_preprocessing_that_contradicts_itself_is_refused(tmp_path: Path, preprocessing: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(written(tmp_path, f"[preprocessing]\n{preprocessing}\n"))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "absent.toml")


def test_resolving_leaves_nothing_open_and_reads_back_equal() -> None:
    resolved = resolve(TrainConfig(seed=7), name="digits", suggestion=SUGGESTION, train_pictures=1300)
    assert resolved.training.epochs == 31
    assert resolved.training.threads == usable_cores()
    assert parse_resolved(to_toml(resolved), where="train.toml") == resolved


def test_a_resolved_file_is_settings_for_another_training_too(tmp_path: Path) -> None:
    resolved = resolve(TrainConfig(seed=7), name="digits", suggestion=SUGGESTION, train_pictures=1300)
    again = load_config(written(tmp_path, to_toml(resolved).decode()))
    assert resolve(again, name="other", suggestion=SUGGESTION, train_pictures=1300) == resolved


def test_converters_read_what_they_need_from_the_resolved_file() -> None:
    resolved = resolve(TrainConfig(), name="digits", suggestion=SUGGESTION, train_pictures=1300)
    read = from_toml(to_toml(resolved), Settings, where="train.toml", error=ModelError)
    assert (read.name, read.task, read.preprocessing.size_wh, read.preprocessing.colour) == (
        "digits",
        "classify",
        (32, 32),
        "grey",
    )


@pytest.mark.parametrize(("pictures", "epochs"), [(10, 120), (1300, 31), (1_000_000, 20)])
def test_few_pictures_are_shown_more_often(pictures: int, epochs: int) -> None:
    resolved = resolve(TrainConfig(), name="x", suggestion=SUGGESTION, train_pictures=pictures)
    assert resolved.training.epochs == epochs


@pytest.mark.parametrize(
    ("config", "pictures", "decay"),
    [
        (TrainConfig(), 999, 1.0),
        (TrainConfig(), 1000, 0.01),
        (TrainConfig(task="detect"), 999, 0.01),
        (TrainConfig(network=NetworkSettings(family="mobilenet_v1", weights="some.h5")), 999, 0.01),
        (TrainConfig(training=TrainingSettings(weight_decay=0.3)), 999, 0.3),
    ],
)
def test_few_pictures_from_random_weights_are_learnt_with_strong_decay(
    config: TrainConfig, pictures: int, decay: float
) -> None:
    settled = resolve(config, name="x", suggestion=SUGGESTION, train_pictures=pictures)
    assert settled.training.weight_decay == decay


def test_a_batch_is_never_larger_than_the_pictures_there_are() -> None:
    assert resolve(TrainConfig(), name="x", suggestion=SUGGESTION, train_pictures=10).training.batch == 10


def test_augmentation_that_was_written_down_is_kept() -> None:
    still = TrainConfig(augmentation=Augmentation())
    assert resolve(still, name="x", suggestion=SUGGESTION, train_pictures=10).augmentation == Augmentation()
