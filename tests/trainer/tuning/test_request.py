"""Options of a search that make no sense, and those that do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contract.errors import ConfigError
from trainer.settings import TrainConfig
from trainer.tuning.request import request_for

OPTIONS: dict[str, Any] = {
    "epochs": 2, "trials": 3, "families": (), "storage": None, "on": None, "timeout_s": None, "parallel": 1,
    "pruner": "median",
}  # fmt: skip


def asked(**more: Any) -> Any:
    return request_for("digits", Path("out"), TrainConfig(), **(OPTIONS | more))


def test_both_small_families_are_searched_unless_one_is_named() -> None:
    assert asked().families == ("residual", "mobile")
    assert asked(families=("mobilenet_v2",)).families == ("mobilenet_v2",)
    with pytest.raises(ConfigError, match="no family 'resnet'"):
        asked(families=("resnet",))


def test_detectors_have_no_families() -> None:
    with pytest.raises(ConfigError, match="one family of detectors"):
        request_for("boxes", Path("out"), TrainConfig(task="detect"), **(OPTIONS | {"families": ("mobile",)}))


@pytest.mark.parametrize(("on", "ray"), [(None, None), ("ray", ""), ("ray:10.0.0.1:6379", "10.0.0.1:6379")])
def test_trials_run_here_on_a_cluster_of_our_own_or_on_a_running_one(on: str | None, ray: str | None) -> None:
    assert asked(on=on).ray == ray


def test_another_place_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot run on 'slurm'"):
        asked(on="slurm")
