"""What an operator lets a new model do before the rollout halts: part of a rollout's order.

Each allowance is what is let go, not what is hoped for: a model that is worse by less than it never halts a rollout.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

_Share = Annotated[float, Field(ge=0, le=1)]


class Judging(BaseModel):
    """How much worse than on the old model things may be, as a change against devices that still run that one; null
    leaves a comparison out.
    """

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, extra="forbid")

    latency: Annotated[float, Field(ge=0, le=100)] | None = 0.15
    """Growth of the p95 of a frame's whole way; 0.15 is 15 %."""
    confidence: _Share | None = 0.05
    """Fall of the mean confidence; leave it out for a model that is meant to be less sure."""
    answers: _Share | None = 0.2
    """Growth of the share of first answers that moved to another label (total variation distance)."""
    drift: _Share | None = 0.2
    """Growth of the share of drift windows with a lamp lit."""
    restarts: Annotated[float, Field(ge=0, le=10_000)] | None = 1.0
    """More restarts of the inference process an hour."""
    rate: _Share | None = 0.15
    """Fall of the frames inferred a second, as a share."""
    errors: _Share | None = 0.02
    """Growth of the share of damaged frames."""
    accuracy: _Share | None = 0.03
    """Fall of the accuracy, where devices tell one."""
    agreement: _Share | None = 0.05
    """Fall of the agreement with the labels or models a device is compared with, where devices tell one."""
    failures: _Share | None = 0.05
    """Share of told devices that may refuse, go back or fall silent."""
    silence: _Share | None = 0.05
    """Share of devices that may be gone after the update beyond those gone without it."""
    alpha: Annotated[float, Field(gt=0, le=0.5)] = 0.005
    """Largest chance that a harmless rollout is ever halted, all comparisons together and however often looked."""
    looks_s: Annotated[tuple[Annotated[float, Field(ge=10, le=86_400)], ...], Field(min_length=1, max_length=5)] = (
        300.0,
        900.0,
        3600.0,
    )
    """How long after its switch each device is compared, once each, in ascending order."""

    @field_validator("looks_s")
    @classmethod
    def _ascending(cls, looks_s: tuple[float, ...]) -> tuple[float, ...]:
        if list(looks_s) != sorted(set(looks_s)):
            raise ValueError("must grow from one to the next")
        return looks_s
