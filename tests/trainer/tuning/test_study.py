"""The memory of a search: what was interrupted is repeated, another question refused, and one search owns a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contract.errors import ConfigError
from trainer.tuning.outcome import records
from trainer.tuning.study import CAUSE, OWNER, constrain, only_one, open_study, optuna, owner, storage_url, take_back


def study_in(folder: Path, asked: str = "digits") -> Any:
    return open_study(storage_url(None, folder), asked, seed=1, pruner="median", epochs=5)


def test_a_storage_is_a_url_a_file_or_a_file_in_the_folder(tmp_path: Path) -> None:
    assert storage_url("postgresql://db/tune", tmp_path) == "postgresql://db/tune"
    assert storage_url("/tmp/one.db", tmp_path) == "sqlite:////tmp/one.db"
    assert storage_url(None, tmp_path) == f"sqlite:///{tmp_path}/study.db"


def test_a_search_for_something_else_is_not_mixed_into_it(tmp_path: Path) -> None:
    study_in(tmp_path)
    assert study_in(tmp_path).study_name == "edgeferry"
    with pytest.raises(ConfigError, match="other pictures"):
        study_in(tmp_path, "clothing")


def test_a_storage_that_cannot_be_opened_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="storage cannot be opened"):
        open_study("sqlite:////nowhere/at/all/study.db", "x", seed=1, pruner="none", epochs=1)
    with pytest.raises(ConfigError, match="storage cannot be opened") as told:
        open_study("postgresql://me:secret@127.0.0.1:1/search", "x", seed=1, pruner="none", epochs=1)
    assert "secret" not in str(told.value)
    with pytest.raises(ConfigError, match="storage cannot be opened"):
        open_study("://", "x", seed=1, pruner="none", epochs=1)


def test_what_was_interrupted_is_failed_and_drawn_again(tmp_path: Path) -> None:
    study, mine = study_in(tmp_path), owner(tmp_path)
    kept, lost, foreign = (study.ask() for _ in range(3))
    drawn = {trial.number: trial.suggest_float("learning_rate", 0.001, 0.1) for trial in (kept, lost, foreign)}
    for trial, whose in ((kept, mine), (lost, mine), (foreign, "another")):
        trial.set_user_attr(OWNER, whose)
    study.tell(kept, 0.5)
    again = study_in(tmp_path)
    assert take_back(again, mine) == [lost.number]
    assert [trial.state for trial in records(again)] == ["complete", "interrupted", "running"]
    assert again.get_trials()[lost.number].user_attrs[CAUSE] == "interrupted"
    repeated = again.ask()
    assert repeated.suggest_float("learning_rate", 0.001, 0.1) == drawn[lost.number]
    assert repeated.user_attrs["repeats"] == lost.number


def test_a_trial_over_budget_is_known_as_that(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    trial = study.ask()
    constrain(trial, {"rpi4 latency_ms": 0.3})
    study.tell(trial, state=optuna().trial.TrialState.PRUNED)
    (record,) = records(study)
    assert (record.state, record.counts) == ("over budget", False)


def test_two_searches_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        only_one(tmp_path / "search"),
        pytest.raises(ConfigError, match="running there"),
        only_one(tmp_path / "search"),
    ):
        pass
    with only_one(tmp_path / "search"):
        pass
