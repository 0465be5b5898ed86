"""What a search found, as records, files and settings."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from contract.errors import ConfigError
from trainer.architecture.budget import Prediction
from trainer.settings import TrainConfig
from trainer.tuning.study import CAUSE, CONFIG, PREDICTED, REPEATS, optuna

State = Literal["complete", "pruned", "over budget", "failed", "interrupted", "running"]


class TrialRecord(Struct, frozen=True, kw_only=True):
    """A trial, as `trials.json` has it."""

    number: int
    state: State
    accuracy: float | None
    """On the validation split, mAP50-95 of a detector; None unless it came to its end."""
    params: dict[str, str | float | int]
    predicted: dict[str, Prediction]
    epochs: int
    seconds: float
    cause: str
    repeats: int | None = None
    """The number of an interrupted trial with the same settings."""
    course: tuple[float, ...] = ()
    """The same, epoch by epoch, or look by look."""
    config: TrainConfig | None = None

    @property
    def counts(self) -> bool:
        """Whether it is one of the `--trials` asked for."""
        return self.state in ("complete", "pruned", "failed")

    @property
    def measure(self) -> str:
        """What its `accuracy` is, in the field's words."""
        return "mAP50-95" if self.config is not None and self.config.task == "detect" else "accuracy"

    @property
    def latency_ms(self) -> float:
        """Of the slowest device it is meant for; 0 where nothing was foretold."""
        return max((found.latency_ms for found in self.predicted.values()), default=0.0)


class Tuned(Struct, frozen=True, kw_only=True):
    """What `edgeferry tune --json` prints."""

    out: str
    trials: int
    complete: int
    pruned: int
    over_budget: int
    failed: int
    best: TrialRecord
    settings: str
    """The `train.toml` to train it with."""
    command: str
    run: str | None = None
    """What `--train-best` trained."""
    seconds: float


def records(study: Any) -> list[TrialRecord]:
    """Of every trial that was drawn, in order."""
    waiting = optuna().trial.TrialState.WAITING
    return [_record(trial) for trial in study.get_trials(deepcopy=False) if trial.state != waiting]


def winner(found: Sequence[TrialRecord]) -> TrialRecord | None:
    """The best validation accuracy; of equals the quickest."""
    complete = [trial for trial in found if trial.state == "complete" and trial.accuracy is not None]
    return max(complete, key=lambda trial: (trial.accuracy or 0.0, -trial.latency_ms), default=None)


def front(found: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Those no other trial beats in both accuracy and latency, the quickest first."""
    kept: list[TrialRecord] = []
    complete = [trial for trial in found if trial.state == "complete"]
    for trial in sorted(complete, key=lambda trial: (trial.latency_ms, -(trial.accuracy or 0.0))):
        if not kept or (trial.accuracy or 0.0) > (kept[-1].accuracy or 0.0):
            kept.append(trial)
    return kept


def best_toml(config: TrainConfig, base: TrainConfig) -> bytes:
    """`train.toml` that trains `config` with the epochs and threads of `base` instead of a trial's."""
    training = msgspec.structs.replace(config.training, epochs=base.training.epochs, threads=base.training.threads)
    return msgspec.toml.encode(_without_none(msgspec.to_builtins(msgspec.structs.replace(config, training=training))))


def trials_csv(found: Sequence[TrialRecord]) -> str:
    """A row a trial, for spreadsheets."""
    names = sorted({name for trial in found for name in trial.params})
    profiles = sorted({name for trial in found for name in trial.predicted})
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(
        ["number", "state", "accuracy", *names, *(f"{profile} ms" for profile in profiles), "size_bytes", "epochs",
         "seconds", "cause"]
    )  # fmt: skip
    for trial in found:
        sizes = [prediction.size_bytes for prediction in trial.predicted.values()]
        table.writerow(
            [trial.number, trial.state, "" if trial.accuracy is None else f"{trial.accuracy:.4f}",
             *(trial.params.get(name, "") for name in names),
             *(trial.predicted[name].latency_ms if name in trial.predicted else "" for name in profiles),
             max(sizes, default=""), trial.epochs, trial.seconds, trial.cause]
        )  # fmt: skip
    return text.getvalue()


def _record(trial: Any) -> TrialRecord:
    kept = trial.user_attrs
    state = _state(trial)
    return TrialRecord(
        number=trial.number,
        state=state,
        accuracy=trial.value if state == "complete" else None,
        params=dict(trial.params),
        predicted=msgspec.convert(kept.get(PREDICTED, {}), dict[str, Prediction]),
        epochs=kept.get("epochs", 0),
        seconds=kept.get("seconds", 0.0),
        cause=kept.get(CAUSE, ""),
        repeats=kept.get(REPEATS),
        course=tuple(value for _, value in sorted(trial.intermediate_values.items())),
        config=_config(kept.get(CONFIG)),
    )


def _state(trial: Any) -> State:
    state = optuna().trial.TrialState
    if trial.state == state.PRUNED:
        return "pruned" if trial.intermediate_values else "over budget"
    if trial.state == state.FAIL:
        return "interrupted" if trial.user_attrs.get(CAUSE) == "interrupted" else "failed"
    return "complete" if trial.state == state.COMPLETE else "running"


def _config(text: str | None) -> TrainConfig | None:
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=TrainConfig)
    except msgspec.ValidationError as problem:
        raise ConfigError(
            f"a trial of another version of edgeferry: {problem}", where="study", fix="Choose another --out."
        ) from problem


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return value
