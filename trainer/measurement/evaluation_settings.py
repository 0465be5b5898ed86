"""`[evaluation]` of `train.toml`: what is measured beside the figures every run has, and how thoroughly."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from contract.manifest import Positive


class EvaluationSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[evaluation]`."""

    threshold_for: str | tuple[str, ...] = ()
    """What thresholds are chosen for: `precision>=0.95`, `recall.dog>=0.99` …; see `thresholds.py`."""
    costs: dict[str, float | str] = {}
    """`[evaluation.costs]`: `"cat->dog" = 20.0`, `"*->dog"`, `default`, `currency`; `costs.py`."""
    slices: tuple[str, ...] = ()
    """Columns to slice by; none for every column with 2 to 20 values."""
    robustness: bool = False
    """Measure on pictures made worse, too: 75 further passes over the test pictures."""
    robustness_pictures: Positive = 500
    """So many test pictures at most for that, drawn by the seed."""
    resamples: Annotated[int, Meta(ge=200, le=20_000)] = 2000
    """Of the bootstrap."""
