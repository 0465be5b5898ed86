"""What inputs and answers looked like when the model was measured: `reference.json`, the drift reference.

Written by whoever measures a model on held-back pictures; a device compares its own windows with it. Histograms have
about equally filled bins, where the usual distances are at their best. What came later is optional: an older file says
less, and is still read. How the numbers are taken from a picture stands in `edge/drift/features.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from contract.codec import from_json
from contract.errors import BundleError
from contract.manifest import Positive, Share

SCHEMA = 1
NAME = "reference.json"
FLOAT = "float"
"""`made_with` of a model before any conversion."""
LAYOUT = "layout"
CLASSES = "classes"


class Histogram(Struct, frozen=True, kw_only=True):
    """Counts between ascending edges: bin i holds edges[i] <= value < edges[i + 1], the last one its upper edge too."""

    edges: tuple[float, ...]
    """One more than counts; the outermost are the ends of what is possible, so that every value has a bin."""
    counts: tuple[Annotated[int, Meta(ge=0)], ...]


class Layout(Struct, frozen=True, kw_only=True):
    """Where light and dark lie in the pictures: mean and covariance of a few coarse cosine terms, in grey levels."""

    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]


class Alarmed(Struct, frozen=True, kw_only=True):
    """Measured false alarms: windows of one half of the reference's pictures against the other half, in many halvings.

    A reference of half the pictures is the less sure one, so the whole reference alarms less often if anything.
    """

    windows: Positive
    input_changed: Share
    model_suffering: Share
    either: Share
    upper: Share
    """Upper 95 % bound of `either`, over the halvings."""


class Calibration(Struct, frozen=True, kw_only=True):
    """From which distance on a window counts as different, found when the reference was made."""

    window: Positive
    """Frames a window has."""
    false_alarms: Share
    """At most this share of windows of unchanged, independent pictures alarms, all features together."""
    thresholds: dict[str, Annotated[float, Meta(ge=0.0)]]
    """By feature."""
    power: dict[str, Share] = {}
    """Share of windows that alarmed after a known change of the reference's own pictures, e.g. `blur 1 px`."""
    alarmed: Alarmed | UnsetType = UNSET
    """How often unchanged windows did alarm; absent in older files, and where there were too few pictures."""


class Reference(Struct, frozen=True, kw_only=True):
    """The whole of `reference.json`."""

    schema: int = SCHEMA
    made_with: str
    """Whose answers these are: `float` or the artifact's format. Another model's answers differ without any drift."""
    pictures: Positive
    brightness: Histogram
    """Mean of a fitted picture's pixels, 0..255, over all channels."""
    contrast: Histogram
    """Standard deviation of a fitted picture's pixels, 0..127.5."""
    confidence: Histogram
    """Score of the first answer, 0..1; 0 where there was none."""
    classes: dict[str, Share]
    """Share of first answers by label; what is missing to 1 had no answer."""
    sharpness: Histogram | None = None
    """Variance of the Laplacian over the variance of the pixels, 0..64."""
    noise: Histogram | None = None
    """Estimated standard deviation of the noise in grey levels."""
    objects: Histogram | None = None
    """Detections in a picture, for models that detect."""
    layout: Layout | None = None
    calibration: Calibration | None = None

    def histograms(self) -> dict[str, Histogram]:
        """All there are, by feature."""
        named = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: value for name, value in named if isinstance(value, Histogram)}


def parse(data: bytes, *, where: str) -> Reference:
    """The reference in `data`; BundleError where it is broken, contradicts itself, or is of a newer major schema."""
    reference = from_json(data, Reference, where=where, error=BundleError, newest_schema=SCHEMA)
    for problem in _contradictions(reference):
        raise BundleError(
            f"the drift reference contradicts itself: {problem}", where=where, fix="Convert the model again."
        )
    return reference


def _contradictions(reference: Reference) -> Iterator[str]:
    for name, histogram in reference.histograms().items():
        edges, counts = histogram.edges, histogram.counts
        if not counts or len(edges) != len(counts) + 1 or any(a >= b for a, b in pairwise(edges)):
            yield f"{name} has {len(edges)} edges, not ascending or not one more than its {len(counts)} counts"
        elif not sum(counts):
            yield f"{name} counts nothing"
    if sum(reference.classes.values()) > 1.001:
        yield "the shares of its classes are over 1 in all"
    layout = reference.layout
    if layout is not None and any(len(row) != len(layout.mean) for row in (layout.covariance, *layout.covariance)):
        yield "the covariance of its layout is not square"
    calibration = reference.calibration
    if calibration is not None and not all(map(math.isfinite, calibration.thresholds.values())):
        yield "a threshold is no number"
