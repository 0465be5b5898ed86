"""Settings of a retraining: the base's, but for what may differ from it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec.structs import replace

from contract.errors import ConfigError
from trainer.retraining.wish import Wish
from trainer.run_folder import Run
from trainer.settings import Resolved, usable_cores

_FEWEST_EPOCHS = 5


def continued_settings(run: Run, wish: Wish) -> Resolved:
    """The base's, with what the command line and the `--config` file change; ConfigError where it may not."""
    written = msgspec.to_builtins(run.settings)
    if wish.config is not None:
        _merge(written, wish.config)
    for key, value in (("seed", wish.seed), ("name", wish.name)):
        written[key] = written[key] if value is None else value
    written["training"]["threads"] = wish.threads or usable_cores()
    if wish.epochs:
        written["training"]["epochs"] = written["retraining"]["epochs"] = wish.epochs
    if not written["retraining"]["epochs"]:
        written["retraining"]["epochs"] = max(_FEWEST_EPOCHS, written["training"]["epochs"] // 2)
    written["data"]["skip_unreadable"] |= wish.skip_unreadable
    try:
        return msgspec.convert(written, Resolved)
    except msgspec.ValidationError as problem:
        where = str(wish.config or "command line")
        raise ConfigError(str(problem), where=where, fix="Correct that key.") from problem


_MAY_CHANGE = ("training", "retraining", "augmentation", "card", "name", "seed")


def _merge(written: dict[str, object], config: Path) -> None:
    """Put the sections of `config` that may differ from the base's over them, key by key."""
    try:
        told = msgspec.toml.decode(config.read_bytes())
    except (OSError, msgspec.DecodeError) as problem:
        raise ConfigError(f"the settings cannot be read: {problem}", where=str(config), fix="Name a train.toml.") from (
            problem
        )
    for key, value in told.items():
        if key not in _MAY_CHANGE:
            if _same(value, written.get(key)):
                continue
            raise ConfigError(
                f"{key!r} follows from the base and cannot change", where=str(config), fix="Take it out, or train anew."
            )
        before = written.get(key)
        written[key] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value


def _same(told: object, known: object) -> bool:
    """Whether what a file says is what the base has already; a section may say a part of it."""
    if isinstance(told, dict) and isinstance(known, dict):
        return all(_same(value, known.get(key)) for key, value in told.items())
    return (list(known) if isinstance(known, tuple) else known) == told


def warm_settings(settings: Resolved) -> Resolved:
    """What a warm start is trained with: a gentler rate and fewer epochs."""
    epochs = settings.retraining.epochs
    patience = min(settings.training.patience, epochs)
    training = replace(
        settings.training, learning_rate=settings.retraining.learning_rate, epochs=epochs, patience=patience
    )
    return replace(settings, training=training)
