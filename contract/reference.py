"""What inputs and answers looked like when the model was measured: `reference.json`, the drift reference.

Written by whoever measures a model on held-back pictures; a device compares its own windows with it. Histograms have
about equally filled bins, where the usual distances (PSI, chi-square) are at their best.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from contract.manifest import Positive, Share

SCHEMA = 1
NAME = "reference.json"


class Histogram(Struct, frozen=True, kw_only=True):
    """Counts between ascending edges: bin i holds edges[i] <= value < edges[i + 1], the last one its upper edge too."""

    edges: tuple[float, ...]
    """One more than counts; the outermost are the ends of what is possible, so that every value has a bin."""
    counts: tuple[Annotated[int, Meta(ge=0)], ...]


class Reference(Struct, frozen=True, kw_only=True):
    """The whole of `reference.json`."""

    schema: int = SCHEMA
    made_with: str
    """Whose answers these are: `float` or a format and profile. Another model's answers differ without any drift."""
    pictures: Positive
    brightness: Histogram
    """Mean of a fitted picture's pixels, 0..255, over all channels."""
    contrast: Histogram
    """Standard deviation of a fitted picture's pixels, 0..127.5."""
    confidence: Histogram
    """Score of the first answer, 0..1."""
    classes: dict[str, Share]
    """Share of first answers by label."""
