"""Trials in processes and on a Ray cluster of one machine: what comes back, also when they fail."""

from __future__ import annotations

import pytest

from trainer.settings import TrainConfig
from trainer.tuning.runners import Processes, RayCluster, Runner
from trainer.tuning.trial import TrialTask


def lost(where: str) -> TrialTask:
    """A trial that ends before TensorFlow is imported: there are no pictures."""
    return TrialTask(
        text=where, config=TrainConfig(), storage="sqlite://", trial_id=1, pruner="none", epochs=1
    )  # fmt: skip


def check(runner: Runner) -> None:
    try:
        outcomes = [runner.submit(lost(f"/nowhere/{number}")) for number in range(2)]
        for number, outcome in enumerate(outcomes):
            found = outcome.result(timeout=120)
            assert found.state == "failed"
            assert f"/nowhere/{number}" in found.cause
    finally:
        runner.close()


def test_a_trial_that_fails_in_its_process_says_why() -> None:
    check(Processes(2))


def test_a_process_that_dies_is_a_failed_trial() -> None:
    runner = Processes(1)
    future = runner.submit(lost("/nowhere"))
    runner.close()
    assert future.cancelled() or future.result().state == "failed"


@pytest.mark.filterwarnings("ignore")  # Ray's own, about processes it leaves to the system
def test_trials_run_on_a_ray_cluster_of_this_machine() -> None:
    ray = pytest.importorskip("ray")
    check(RayCluster(None, parallel=2, threads=1, storage="sqlite:////tmp/none.db"))
    assert not ray.is_initialized()
