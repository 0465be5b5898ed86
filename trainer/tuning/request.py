"""The options of `edgeferry tune` as one request, checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from contract.errors import ConfigError
from trainer.settings import Family, TrainConfig
from trainer.tuning.search import Request
from trainer.tuning.study import Pruner, storage_url

_DEFAULT: tuple[Family, ...] = ("residual", "mobile")
_RAY = "ray"


def request_for(
    text: str,
    out: Path,
    config: TrainConfig,
    *,
    epochs: int,
    trials: int,
    families: Sequence[str],
    storage: str | None,
    on: str | None,
    timeout_s: float | None,
    parallel: int,
    pruner: Pruner,
) -> Request:
    """The request; ConfigError for a family or a place there is not."""
    known: tuple[Family, ...] = get_args(Family)
    if families and config.task == "detect":
        raise ConfigError("there is one family of detectors", where="--family", fix="Leave --family out.")
    for family in families:
        if family not in known:
            raise ConfigError(f"no family {family!r}", where="--family", fix=f"There are: {', '.join(known)}")
    return Request(
        text=text,
        out=out,
        config=config,
        epochs=epochs,
        trials=trials,
        families=tuple(name for name in known if name in families) or _DEFAULT,
        storage=storage_url(storage, out),
        timeout_s=timeout_s,
        parallel=parallel,
        pruner=pruner,
        ray=_ray(on),
    )


def _ray(on: str | None) -> str | None:
    """An address, nothing for a cluster of our own, None for no Ray."""
    if on is None:
        return None
    name, _, address = on.partition(":")
    if name != _RAY:
        raise ConfigError(f"trials cannot run on {on!r}", where="--on", fix="Say ray, or ray:HOST:PORT.")
    return address
