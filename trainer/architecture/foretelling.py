"""What a trained model would cost on the devices somebody named, in a budget or in a goal, and the goals' evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contract.run import DetectionScores
from trainer.architecture.budget import Prediction, predicted
from trainer.measurement.goals import latency_key, latency_profiles
from trainer.measurement.measures import Ranged
from trainer.settings import TrainConfig


def foretold(model: Any, settings: TrainConfig) -> dict[str, Prediction]:
    """Of the built Keras `model`, by profile; ConfigError for a profile without published speeds."""
    asked = (*(budget.profile for budget in settings.budget), *latency_profiles(settings.goals))
    return {name: predicted(model, name) for name in dict.fromkeys(asked)}


def latency_evidence(found: Mapping[str, Prediction]) -> dict[str, Ranged]:
    """What is foretold stands for what nobody measured; its error band is the interval."""
    return {latency_key(name): Ranged(value=one.latency_ms, low=one.low, high=one.high) for name, one in found.items()}


def detection_evidence(scores: DetectionScores) -> dict[str, Ranged]:
    """What was measured of a detector, by goal key."""
    low, high = scores.map50_95_range
    return {"map": Ranged(value=scores.map50_95, low=low, high=high), "map50": Ranged(value=scores.map50)}
