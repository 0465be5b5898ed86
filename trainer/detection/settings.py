"""`[detection]` of train.toml: what only detectors have to decide, and what else suits them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contract.manifest import Share

Stride = Literal[4, 8, 16]


class DetectionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[detection]`."""

    stride: Stride | None = None
    """Pixels a cell of the one grid; None for what the sizes of the marked boxes ask for."""
    mosaic: Share = 0.6
    """Share of training pictures put together from four; none in the last part of the training."""
    upside_down: bool = False
    """Half of the pictures mirrored top to bottom: for views from above and through microscopes."""
    averaging: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.998
    """How much of the averaged weights each step keeps; the averaged ones are measured and saved."""
    iou_threshold: Share = 0.65
    """Boxes of one class that overlap more than this are one thing."""
    max_detections: Annotated[int, Meta(ge=1, le=1000)] = 100
