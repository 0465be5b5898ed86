"""What a person states stands under their name, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError
from trainer.settings import load_config
from trainer.statements import Statements


def test_words_without_a_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.toml").write_text('[card]\nlicence = "MIT"\n')
    with pytest.raises(ConfigError, match="stated_by"):
        load_config(tmp_path / "train.toml")


def test_words_are_quoted_with_who_said_them_and_the_rest_is_open(tmp_path: Path) -> None:
    (tmp_path / "train.toml").write_text('[card]\nstated_by = "Ada"\nlicence = "MIT"\nlimits = " "\n')
    card = load_config(tmp_path / "train.toml").card
    assert card.quoted("licence") == "MIT _(stated by Ada)_"
    assert card.quoted("limits") is None
    assert "licence" not in card.open()
    assert "limits" in card.open()


def test_nothing_stated_is_nothing_wrong() -> None:
    assert list(Statements().given()) == []
