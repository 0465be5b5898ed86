"""Another way for a training to begin than with a new network: a retraining begins with what its base has learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainer.settings import Resolved


@dataclass(frozen=True, slots=True)
class Start:
    """What is trained in place of a new network."""

    build: Callable[[], Any]
    """Gives a Keras model, once TensorFlow is ready."""
    fitted_with: Resolved
    """The settings it is trained with; what the run keeps may say more."""


def fitted_with(settings: Resolved, start: Start | None) -> Resolved:
    """What a training of `settings` that begins with `start`, or anew, is trained with."""
    return settings if start is None else start.fitted_with
