"""`edgeferry tune`, from pictures to a `train.toml`: search, write down, and train the best where that is wanted."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from contract.codec import to_pretty_json
from contract.errors import ConfigError
from trainer import tracking
from trainer.architecture.pretrained import IMAGENET
from trainer.progress import Progress
from trainer.run_folder import writing
from trainer.settings import TrainConfig
from trainer.tuning.outcome import TrialRecord, Tuned, best_toml, trials_csv
from trainer.tuning.page import page
from trainer.tuning.search import Request, best_of, search
from trainer.tuning.study import STUDY, only_one, optuna

_FEWEST = 5
"""Trials that came to their end, below which nothing is said of what mattered."""
SETTINGS, TRIALS, TABLE, PAGE, RUN = "train.toml", "trials.json", "trials.csv", "tune.html", "best"


def tune(
    request: Request,
    *,
    train_best: bool,
    progress: Progress,
    on_trial: Callable[[TrialRecord], None],
    mlflow: str | None = None,
) -> Tuned:
    """Search, and leave settings, tables and a page in `request.out`; the study stays there, to go on from."""
    _check(request.config)
    optuna()
    uri = tracking.wanted(mlflow, request.config.tracking)
    begun = time.monotonic()
    with only_one(request.out):
        found = search(request, progress.say, on_trial)
        best = best_of(found)
        assert best.config is not None
        settings = request.out / SETTINGS
        with writing(request.out):
            settings.write_bytes(best_toml(best.config, request.config))
            (request.out / TRIALS).write_bytes(to_pretty_json(found))
            (request.out / TABLE).write_text(trials_csv(found))
            complete = sum(trial.state == "complete" for trial in found)
            command = _command(request, settings)
            (request.out / PAGE).write_text(page(found, best, importances(request, complete), command=command))
        if uri:
            _track(uri, request, found)
        run = _train(request, settings, progress) if train_best else None
    return _summary(request, found, best, command, run, time.monotonic() - begun)


def importances(request: Request, complete: int) -> dict[str, float]:
    """What share of the differences in accuracy each choice accounts for; nothing where trials are too few to tell."""
    library = optuna()
    if complete < _FEWEST:
        return {}
    study = library.load_study(study_name=STUDY, storage=library.storages.RDBStorage(request.storage))
    try:
        shares = library.importance.get_param_importances(study)
    except (RuntimeError, ValueError):
        return {}
    return {name: float(share) for name, share in shares.items()}


def _check(config: TrainConfig) -> None:
    if not config.budget:
        raise ConfigError(
            "a search needs a limit: without one the largest network wins",
            where="tune",
            fix="Say --budget rpi4:30ms,2MB or --for rpi4.",
        )
    if config.network.weights == IMAGENET:
        raise ConfigError(
            "trials fetch nothing",
            where="network.weights",
            fix="Name a weights file, as edgeferry train --download keeps.",
        )


def _track(uri: str, request: Request, found: Sequence[TrialRecord]) -> None:
    """A run a trial that trained; one that goes on writes those of before again."""
    for trial in found:
        if trial.counts:
            name = "accuracy" if trial.measure == "accuracy" else "map50_95"
            figures = {} if trial.accuracy is None else {f"validation_{name}": trial.accuracy}
            figures |= {f"predicted_ms.{name}": cost.latency_ms for name, cost in trial.predicted.items()}
            tracking.log_run(
                uri,
                name=f"{request.out.name}-trial-{trial.number}",
                settings=trial.params,
                metrics=figures,
                history={f"val_{name}": trial.course},
                tags={"state": trial.state, "cause": trial.cause},
            )


def _train(request: Request, settings: Path, progress: Progress) -> Path:
    from trainer.settings import load_config
    from trainer.training import train

    run = request.out / RUN
    # What an interrupted training of the best left may belong to another best.
    train(request.text, run, load_config(settings), force=True, progress=progress, interrupted="fresh")
    return run


def _command(request: Request, settings: Path) -> str:
    return shlex.join(["edgeferry", "train", request.text, "--config", str(settings), "--out", str(request.out / RUN)])


def _summary(
    request: Request, found: Sequence[TrialRecord], best: TrialRecord, command: str, run: Path | None, seconds: float
) -> Tuned:
    states = [trial.state for trial in found]
    return Tuned(
        out=str(request.out),
        trials=sum(trial.counts for trial in found),
        complete=states.count("complete"),
        pruned=states.count("pruned"),
        over_budget=states.count("over budget"),
        failed=states.count("failed"),
        best=msgspec.structs.replace(best, course=()),
        settings=str(request.out / SETTINGS),
        command=command,
        run=None if run is None else str(run),
        seconds=round(seconds, 1),
    )
