"""`[quantization]` and `[training] teacher`: strict, and off unless asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError
from trainer.command_line import CommandLine, overridden
from trainer.data.digits import SUGGESTION
from trainer.settings import TrainConfig, load_config, parse_resolved, resolve, to_toml


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("aware = 'yes'", "aware"),
        ("epochs = 0", "epochs"),
        ("learning_rate = 0.0", "learning_rate"),
        ("bits = 4", "bits"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "train.toml"
    file.write_text(f"[quantization]\n{text}\n")
    with pytest.raises(ConfigError, match=said):
        load_config(file)


def test_it_is_off_unless_the_command_line_says_so() -> None:
    assert TrainConfig().quantization.aware == "off"
    assert overridden(TrainConfig(), CommandLine(quantization_aware=True)).quantization.aware == "on"


def test_a_run_keeps_what_was_decided_and_who_taught() -> None:
    config = overridden(TrainConfig(), CommandLine(quantization_aware=True, teacher=Path("runs/large")))
    resolved = resolve(config, name="x", suggestion=SUGGESTION, train_pictures=100)
    again = parse_resolved(to_toml(resolved), where="train.toml")
    assert again == resolved
    assert (again.quantization.aware, again.training.teacher) == ("on", "runs/large")


def test_without_a_teacher_none_is_written() -> None:
    resolved = resolve(TrainConfig(), name="x", suggestion=SUGGESTION, train_pictures=100)
    assert b"teacher =" not in to_toml(resolved)
    assert parse_resolved(to_toml(resolved), where="train.toml") == resolved
