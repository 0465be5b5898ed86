"""What a conversion means for each device, told from a model file alone: the recipe, what runs where, what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from contract.errors import ConfigError
from contract.manifest import Format
from converters.cost.predict import predict
from converters.preflight.check import preflight
from converters.preflight.report import Preflight
from converters.recipe import Recipe, format_of
from converters.targets import Target, target_for
from converters.ways import origin_of_file
from devices.cost.predict import Cost
from devices.profiles import Profile
from edge.backends import SUFFIXES


class Plan(Struct, frozen=True, kw_only=True):
    """One profile's part of a conversion."""

    profile: str
    recipe: Recipe
    words: str
    """How the file in the bundle was made, where the recipe alone does not say it."""
    why: str
    preflight: Preflight
    cost: Cost


def plan_of(model: bytes, format: Format, recipe: Recipe, words: str, target: Target, profile: Profile) -> Plan:
    """What `model`, the file that goes into the profile's bundle, will be there."""
    return Plan(
        profile=profile.name,
        recipe=recipe,
        words=words,
        why=target.why if recipe == target.recipe else "it holds on pictures of known classes",
        preflight=preflight(model, profile),
        cost=predict(model, format, profile),
    )


def plans_of_file(model: Path, profiles: Sequence[Profile]) -> tuple[Plan, ...]:
    """The same for a bare `.tflite` or `.onnx` file, as it is: what a conversion would change is not foreseen.

    ModelError where the file cannot be read, or has no way to what a profile takes; ConfigError where it would become
    another format there.
    """
    origin = origin_of_file(model, str(model))
    targets = [target_for(profile, origin, where=str(model)) for profile in profiles]
    return tuple(_plan_of_file(model, target, profile) for target, profile in zip(targets, profiles, strict=True))


def _plan_of_file(model: Path, target: Target, profile: Profile) -> Plan:
    format = SUFFIXES[model.suffix]
    if format_of(target.recipe) != format:
        raise ConfigError(
            f"it would become {target.recipe} for {profile.name}, which must be made to be looked at",
            where=str(model),
            fix="Give pictures to --calibration.",
        )
    return plan_of(model.read_bytes(), format, target.recipe, target.recipe, target, profile)
