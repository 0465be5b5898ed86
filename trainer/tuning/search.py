"""The loop of a search: draw, refuse what the budget refuses, train the rest, and remember everything.

What a network would cost is foretold before a second of training; what does not fit is told to Optuna as pruned, with
the cause, and does not count as a trial. A search that was killed goes on where it was, when it is started again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from contract.codec import to_json
from contract.errors import ConfigError, FerryError
from trainer.architecture.budget import Budget, Prediction, excesses, overrun, predictions
from trainer.data.origin import open_origin
from trainer.learning import framework
from trainer.settings import Family, TrainConfig, usable_cores
from trainer.tuning.outcome import TrialRecord, records, winner
from trainer.tuning.runners import Processes, RayCluster, Runner
from trainer.tuning.space import Space
from trainer.tuning.study import (
    CAUSE,
    CONFIG,
    OWNER,
    PREDICTED,
    Pruner,
    constrain,
    open_study,
    optuna,
    owner,
    take_back,
)
from trainer.tuning.subjects import Subject, subject_of
from trainer.tuning.trial import Outcome, TrialTask

_REFUSED = 60
"""Networks over budget in a row after which a search gives up: next to nothing in the space fits."""
OnTrial = Callable[[TrialRecord], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be searched."""

    text: str
    out: Path
    config: TrainConfig
    """Its budget is the limit, its epochs those of a trial."""
    epochs: int
    trials: int
    families: tuple[Family, ...]
    storage: str
    timeout_s: float | None = None
    parallel: int = 1
    pruner: Pruner = "median"
    ray: str | None = None
    """An address; empty for a cluster of its own; None for processes of this machine."""


class _Asked(Struct, frozen=True):
    """What makes two searches one that may go on."""

    text: str
    seed: int
    epochs: int
    budgets: tuple[Budget, ...]
    space: Space


def search(request: Request, say: Callable[[str], None], on_trial: OnTrial) -> list[TrialRecord]:
    """Every trial there is afterwards, those of earlier searches in the same place included."""
    subject = subject_of(request.config, open_origin(request.text))
    space = subject.space(request.families)
    asked = _Asked(request.text, request.config.seed, request.epochs, request.config.budget, space)
    study = open_study(
        request.storage, to_json(asked).decode(), seed=request.config.seed, pruner=request.pruner, epochs=request.epochs
    )
    if left := take_back(study, owner(request.out)):
        say(f"Trials {', '.join(map(str, left))} were interrupted, and are repeated")
    search = _Search(request, subject, space, study, say, on_trial)
    threads = max(1, usable_cores() // request.parallel)
    framework.prepare(threads=threads, seed=request.config.seed)
    runner = _runner(request, threads)
    try:
        search.go(runner, threads)
    finally:
        runner.close()
    return records(study)


def _runner(request: Request, threads: int) -> Runner:
    if request.ray is None:
        return Processes(request.parallel)
    return RayCluster(request.ray or None, parallel=request.parallel, threads=threads, storage=request.storage)


@dataclass(slots=True)
class _Search:
    """A search under way."""

    request: Request
    subject: Subject
    space: Space
    study: Any
    say: Callable[[str], None]
    on_trial: OnTrial

    def go(self, runner: Runner, threads: int) -> None:
        """Until there are enough trials, or the time is over."""
        begun = time.monotonic()
        running: dict[Future[Outcome], Any] = {}
        wanted = self.request.trials - sum(trial.counts for trial in records(self.study))
        while wanted > 0 or running:
            over = self.request.timeout_s is not None and time.monotonic() - begun > self.request.timeout_s
            while wanted > 0 and not over and len(running) < self.request.parallel:
                trial, task = self._next(threads)
                running[runner.submit(task)] = trial
                wanted -= 1
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                self._tell(running.pop(future), _outcome(future))

    def _next(self, threads: int) -> tuple[Any, TrialTask]:
        """A trial within the budget; those that are not are told and passed over."""
        budgets = self.request.config.budget
        over = ""
        for _ in range(_REFUSED):
            trial = self.study.ask()
            trial.set_user_attr(OWNER, owner(self.request.out))
            config = self._drawn(trial)
            config = msgspec.structs.replace(config, training=msgspec.structs.replace(config.training, threads=threads))
            found, over = self._foretold(config, budgets)
            trial.set_user_attr(PREDICTED, msgspec.to_builtins(found))
            trial.set_user_attr(CONFIG, to_json(config).decode())
            constrain(trial, _excess(found, budgets) if found else {"cannot be built": 1.0})
            if not over:
                return trial, self._task(trial, config)
            trial.set_user_attr(CAUSE, over)
            self.study.tell(trial, state=optuna().trial.TrialState.PRUNED)
            self.on_trial(self._record(trial))
        raise ConfigError(
            f"{_REFUSED} networks in a row were over the budget, the last by {over}",
            where="; ".join(map(str, budgets)),
            fix="Allow more, or fix a smaller preprocessing.size_wh.",
        )

    def _drawn(self, trial: Any) -> TrainConfig:
        config = self.subject.drawn(trial, self.space)
        training = msgspec.structs.replace(config.training, epochs=self.request.epochs)
        return msgspec.structs.replace(config, training=training)

    def _foretold(self, config: TrainConfig, budgets: Sequence[Budget]) -> tuple[dict[str, Prediction], str]:
        try:
            model = self.subject.build(config)
        except ConfigError as problem:
            return {}, problem.what
        found = predictions(model, budgets)
        return found, overrun(found, budgets)

    def _task(self, trial: Any, config: TrainConfig) -> TrialTask:
        return TrialTask(
            text=self.request.text,
            config=config,
            storage=self.request.storage,
            trial_id=trial._trial_id,
            pruner=self.request.pruner,
            epochs=self.request.epochs,
        )

    def _tell(self, trial: Any, outcome: Outcome) -> None:
        state = optuna().trial.TrialState
        trial.set_user_attr("epochs", outcome.epochs)
        trial.set_user_attr("seconds", outcome.seconds)
        if outcome.cause:
            trial.set_user_attr(CAUSE, outcome.cause)
        if outcome.state == "complete":
            self.study.tell(trial, outcome.accuracy)
        else:
            self.study.tell(trial, state=state.PRUNED if outcome.state == "pruned" else state.FAIL)
        self.on_trial(self._record(trial))

    def _record(self, trial: Any) -> TrialRecord:
        return next(record for record in records(self.study) if record.number == trial.number)


def _excess(found: dict[str, Prediction], budgets: Sequence[Budget]) -> dict[str, float]:
    return {
        f"{budget.profile} {name}": round(use - 1, 4)
        for budget in budgets
        for name, use in excesses(found[budget.profile], budget).items()
    }


def _outcome(future: Future[Outcome]) -> Outcome:
    """Of a trial whose process or machine may have gone."""
    problem = future.exception()
    if problem is None:
        return future.result()
    if isinstance(problem, FerryError):
        raise problem
    return Outcome(
        state="failed", cause=str(problem).strip().splitlines()[-1] if str(problem).strip() else repr(problem)
    )


def best_of(found: Sequence[TrialRecord]) -> TrialRecord:
    """The one to train; ConfigError where no trial came to an end."""
    best = winner(found)
    if best is None:
        causes = sorted({trial.cause for trial in found if trial.cause})
        raise ConfigError(
            "no trial came to an end" + (f": {causes[0]}" if causes else ""),
            where="tune",
            fix="Allow more --trials, or mend what they failed of.",
        )
    return best
