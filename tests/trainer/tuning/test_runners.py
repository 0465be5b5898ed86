"""Trials in processes and on a Ray cluster of one machine: what comes back, also when they fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.codec import to_json
from trainer.settings import TrainConfig
from trainer.tuning.runners import Processes, RayCluster, Runner
from trainer.tuning.study import open_study, storage_url
from trainer.tuning.trial import TrialTask, run_trial


@pytest.fixture
def storage(tmp_path: Path) -> str:
    """Of a search that has begun."""
    url = storage_url(None, tmp_path)
    open_study(url, "x", seed=1, pruner="none", epochs=1)
    return url


def lost(where: str, storage: str) -> TrialTask:
    """A trial that ends before TensorFlow is imported: there are no pictures."""
    return TrialTask(text=where, config=TrainConfig(), storage=storage, trial_id=1, pruner="none", epochs=1)


def check(runner: Runner, storage: str) -> None:
    try:
        outcomes = [runner.submit(lost(f"/nowhere/{number}", storage)) for number in range(2)]
        for number, outcome in enumerate(outcomes):
            found = outcome.result(timeout=120)
            assert found.state == "failed"
            assert f"/nowhere/{number}" in found.cause
    finally:
        runner.close()


def test_a_trial_that_fails_in_its_process_says_why(storage: str) -> None:
    check(Processes(2), storage)


def test_a_trial_whose_search_is_elsewhere_says_so(tmp_path: Path) -> None:
    url = storage_url(None, tmp_path)
    outcome = run_trial(to_json(lost("/nowhere", url)))
    assert (outcome.state, outcome.cause) == ("failed", f"the storage holds no search [{url}]")


def test_a_process_that_dies_is_a_failed_trial(storage: str) -> None:
    runner = Processes(1)
    future = runner.submit(lost("/nowhere", storage))
    runner.close()
    assert future.cancelled() or future.result().state == "failed"


@pytest.mark.filterwarnings("ignore")  # Ray's own, about processes it leaves to the system
def test_trials_run_on_a_ray_cluster_of_this_machine(storage: str) -> None:
    ray = pytest.importorskip("ray")
    check(RayCluster(None, parallel=2, threads=1, storage=storage), storage)
    assert not ray.is_initialized()
