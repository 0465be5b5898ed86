"""Optuna's memory of a search: where it is kept, how it draws, and what becomes of what a killed search left behind.

A search holds a lock on its folder, so that a trial marked as running there is one nobody runs any more: it is marked
as failed, and its settings are put in front of the queue. Trials of others in the same storage are left alone.
"""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from contract.errors import ConfigError, MissingPartError

OVER, CAUSE, OWNER, PREDICTED, CONFIG, REPEATS = "over_budget", "cause", "owner", "predicted", "config", "repeats"
"""Names of what is kept with a trial; `OVER` holds how many times each limit is used, less one: above 0 is too much."""
STUDY = "edgeferry"
DATABASE = "study.db"
Pruner = Literal["median", "hyperband", "none"]
_FIRST = 4
"""Trials that are drawn at random, and end whatever they show, before others are judged by them."""


def optuna() -> Any:
    """The library, made quiet; MissingPartError where it is not installed."""
    try:
        import optuna as found
    except ModuleNotFoundError as missing:
        raise MissingPartError(
            f"{missing.name!r} is not installed", where="tune", fix="Run: pip install 'edgeferry[tune]'"
        ) from missing
    found.logging.set_verbosity(found.logging.WARNING)
    return found


def storage_url(text: str | None, out: Path) -> str:
    """Of `--storage`: a URL as it is, a path as a SQLite file; without one `DIR/study.db`."""
    if text and "://" in text:
        return text
    return f"sqlite:///{(Path(text) if text else out / DATABASE).absolute()}"


def open_study(url: str, asked: str, *, seed: int, pruner: Pruner, epochs: int) -> Any:
    """The study in `url`, made where there is none; ConfigError where it was begun for something else than `asked`."""
    library = optuna()
    from sqlalchemy.exc import SQLAlchemyError

    try:
        storage = library.storages.RDBStorage(url)
        study = library.create_study(storage=storage, study_name=STUDY, direction="maximize", load_if_exists=True)
    except (SQLAlchemyError, library.exceptions.OptunaError, ImportError, ValueError) as problem:
        raise ConfigError(
            f"the storage cannot be opened: {str(problem).splitlines()[0]}",
            where=_shown(url),
            fix="Name one that can be.",
        ) from problem
    known = study.user_attrs.get("asked")
    if known is None:
        study.set_user_attr("asked", asked)
    elif known != asked:
        raise ConfigError(
            "a search with other pictures, budgets or choices was begun here",
            where=_shown(url),
            fix="Choose another --out.",
        )
    # Another seed after a break: the same one would draw the same settings again.
    # Optuna 5 is told the limits trial by trial; before that the sampler asked for them.
    asking = {} if hasattr(library.trial.Trial, "set_constraint") else {"constraints_func": excess_of}
    study.sampler = library.samplers.TPESampler(seed=seed + len(study.trials), n_startup_trials=_FIRST, **asking)
    study.pruner = pruner_of(pruner, epochs)
    return study


def _shown(url: str) -> str:
    """Without its password: causes are written down."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url


def study_in(storage: Any) -> Any:
    """The study of a search that runs, by one of its trials; ConfigError where the storage holds none."""
    try:
        return optuna().load_study(study_name=STUDY, storage=storage)
    except KeyError as missing:
        raise ConfigError(
            "the storage holds no search",
            where=_shown(storage.url),
            fix="Name one that every trial reaches: --storage URL",
        ) from missing


def pruner_of(name: Pruner, epochs: int) -> Any:
    """What ends a trial that falls behind: the median of earlier ones, or successive halving in several brackets."""
    library = optuna()
    if name == "none":
        return library.pruners.NopPruner()
    if name == "hyperband":
        return library.pruners.HyperbandPruner(min_resource=max(1, epochs // 9), max_resource=epochs)
    return library.pruners.MedianPruner(n_startup_trials=_FIRST, n_warmup_steps=max(1, epochs // 5))


def excess_of(trial: Any) -> Sequence[float]:
    """By how much a trial passes its limits: what TPE keeps away from."""
    return tuple(trial.user_attrs.get(OVER, {}).values()) or (0.0,)


def constrain(trial: Any, excess: dict[str, float]) -> None:
    """Keep `excess` with the trial, and let the sampler know of it."""
    trial.set_user_attr(OVER, excess)
    if hasattr(trial, "set_constraint"):
        for name, value in excess.items():
            trial.set_constraint(name, value)


def owner(out: Path) -> str:
    """Of the trials a search in `out` starts."""
    return f"{socket.gethostname()}:{out.absolute()}"


def take_back(study: Any, mine: str) -> list[int]:
    """Mark trials that `mine` left running as failed, and queue their settings again; their numbers."""
    state = optuna().trial.TrialState
    left = [trial for trial in study.get_trials(states=(state.RUNNING,)) if trial.user_attrs.get(OWNER) == mine]
    for trial in left:
        study._storage.set_trial_user_attr(trial._trial_id, CAUSE, "interrupted")
        study.tell(trial.number, state=state.FAIL)
        if trial.params:
            study.enqueue_trial(trial.params, user_attrs={REPEATS: trial.number})
    return [trial.number for trial in left]


@contextmanager
def only_one(out: Path) -> Iterator[None]:
    """While entered no other search may use the folder `out`; ConfigError where one does."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise ConfigError("a search is running there", where=str(out), fix="Wait, or choose another.") from problem
        yield
