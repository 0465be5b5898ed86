"""What is said on the command line wins over the file, and is refused where it makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError
from trainer.command_line import CommandLine, overridden
from trainer.settings import TrainConfig, load_config


def test_a_task_that_cannot_be_trained_yet_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="'segment'"):
        overridden(TrainConfig(), CommandLine(task="segment"))


def test_options_win_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "train.toml").write_text("seed = 3\nname = 'mine'\n[training]\nepochs = 4\nbatch = 8\n")
    config = load_config(tmp_path / "train.toml")
    changed = overridden(config, CommandLine(seed=5, epochs=9, skip_unreadable=True))
    assert (changed.seed, changed.name, changed.training.epochs, changed.training.batch) == (5, "mine", 9, 8)
    assert changed.data.skip_unreadable


def test_a_name_no_bundle_could_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="name"):
        overridden(TrainConfig(), CommandLine(name="My Model"))


def test_a_column_named_on_the_command_line_is_used() -> None:
    assert overridden(TrainConfig(), CommandLine(time="taken")).data.split_by == "time"
    by_group = overridden(TrainConfig(), CommandLine(group_by="camera")).data
    assert (by_group.split_by, by_group.group_by) == ("group", "camera")
    both = overridden(TrainConfig(), CommandLine(group_by="camera", time="taken")).data
    assert (both.split_by, both.group_by, both.time) == ("time", "camera", "taken")
    assert overridden(TrainConfig(), CommandLine(group_by="camera", split_by="random")).data.split_by == "random"
    assert overridden(TrainConfig(), CommandLine()).data == TrainConfig().data
