"""`[quantization]` of train.toml."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class QuantizationSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[quantization]`: whether the trained network learns on with the rounding of int8 in it."""

    aware: Literal["off", "on", "auto"] = "off"
    """`on` keeps what comes of it beside the float model; `auto` only where it beats calibration by more than chance,
    both of the float model and of one trained as much longer without rounding."""
    epochs: Annotated[int, Meta(ge=1, le=100_000)] = 10
    """Passes over the training pictures, after the float training."""
    learning_rate: Annotated[float, Meta(gt=0.0, le=10.0)] = 3e-4
    """Highest rate: a tenth of the float training's default, on a cosine of its own."""
