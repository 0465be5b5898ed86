"""What a device says about one window of frames: do they still look like what its model was measured on?

The counts are in the bins of the bundle's `reference.json`, so windows of one release may be added up, over time and
over devices; how they are judged stands in `edge/drift/`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from contract.manifest import Positive, Share

Counts = tuple[Annotated[int, Meta(ge=0)], ...]


class FeatureDrift(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One feature of one window."""

    distance: Annotated[float, Meta(ge=0.0)]
    """From the reference; about 1 where nothing has changed, whatever the feature."""
    threshold: Annotated[float, Meta(ge=0.0)]
    alarm: bool
    """Whether the distance is over the threshold."""
    psi: float | None = None
    """Population stability index, for those used to it; no alarm rests on it, for it grows as windows shrink."""
    counts: Counts = ()
    """Frames by bin of the reference; for `classes` by label in the reference's order, what is left at the end."""
    sums: tuple[float, ...] = ()
    """Of the layout's terms over the window, in place of counts."""


class Drift(Struct, frozen=True, kw_only=True):
    """One closed window."""

    frames: Positive
    """Sampled frames in it."""
    false_alarms: Share
    """At most this share of windows lights a lamp while nothing has changed and frames are independent."""
    input_changed: bool
    """The pictures are not like the reference's: brightness, contrast, sharpness, noise or layout."""
    model_suffering: bool
    """The answers are not: confidence, classes or number of objects."""
    features: dict[str, FeatureDrift]
    """Those that were judged, by name."""

    @property
    def any(self) -> bool:
        """Whether either lamp is lit."""
        return self.input_changed or self.model_suffering
