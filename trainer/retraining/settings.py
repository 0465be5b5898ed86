"""`[retraining]` of train.toml: how a run is trained on from another one, and what the new model may be worse at."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Rate = Annotated[float, Meta(gt=0.0, le=10.0)]


class Retraining(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Read where `--base` names a run; the limits hold for every class and slice of the old and the new test set."""

    max_drop: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.02
    """Share of a part's pictures, or mAP50-95, by which the new model may be worse; more refuses it, with evidence."""
    evidence: Annotated[float, Meta(gt=0.0, le=0.5)] = 0.05
    """A drop counts as shown up to this p of a one-sided test: the exact sign test on the pictures that changed, or the
    randomisation test of detectors' average precision."""
    enough: Annotated[int, Meta(ge=1)] = 200
    """From so many pictures of a part a classifier's drop is itself evidence enough."""
    smallest_part: Annotated[int, Meta(ge=1)] = 5
    """Parts of fewer pictures are reported and decide nothing: five losses are the fewest that show anything."""
    learning_rate: Rate = 3e-4
    """Highest rate of a warm start, in place of `training.learning_rate`: a tenth of its default, so that what the
    base knows is not shaken off before the new pictures are learnt."""
    epochs: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """Of a warm start; 0 for half of the base's `training.epochs`, at least 5."""
