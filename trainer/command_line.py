"""What the command line says about a training, put over the settings of a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from contract.errors import ConfigError
from contract.manifest import Task
from trainer.architecture.budget import default_budget, parse_budgets
from trainer.settings import TrainConfig, checked


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """The options that win over `train.toml`; what is None, False or empty was not said."""

    task: Task | None = None
    name: str | None = None
    seed: int | None = None
    epochs: int | None = None
    threads: int | None = None
    tensorboard: str | None = None
    teacher: Path | None = None
    budget: tuple[str, ...] = ()
    """As `parse_budgets` reads them."""
    target: tuple[str, ...] = ()
    """Profiles of `--for`."""
    skip_unreadable: bool = False
    split_by: str | None = None
    group_by: str | None = None
    time: str | None = None
    quantization_aware: bool = False


def overridden(config: TrainConfig, said: CommandLine) -> TrainConfig:
    """`config` with what was `said` in its place; ConfigError where that makes no sense."""
    written = msgspec.to_builtins(config)
    written |= _given(task=said.task, seed=said.seed, name=said.name)
    written["training"] |= _given(
        epochs=said.epochs,
        threads=said.threads,
        tensorboard=said.tensorboard,
        teacher=None if said.teacher is None else str(said.teacher),
    )
    written["data"] |= _division(said)
    if budgets := (*parse_budgets(said.budget), *map(default_budget, said.target)):
        written["budget"] = msgspec.to_builtins(budgets)
        written["network"]["chosen"] = False
    if said.quantization_aware:
        written["quantization"]["aware"] = "on"
    try:
        changed = msgspec.convert(written, TrainConfig)
    except msgspec.ValidationError as problem:
        raise ConfigError(str(problem), where="command line", fix="Names are lower case: a-z, 0-9, . _ -") from problem
    return checked(changed, where="command line")


def _division(said: CommandLine) -> dict[str, Any]:
    """Of `[data]`. A column that is named shall be used."""
    split_by = said.split_by or ("time" if said.time else "group" if said.group_by else None)
    return _given(
        skip_unreadable=said.skip_unreadable or None,
        split_by=split_by,
        group_by=said.group_by or None,
        time=said.time or None,
    )


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
