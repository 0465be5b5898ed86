"""The pictures on which a classifier and what was made of it say different things, the farthest apart first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from converters.report import Disagreement
from converters.source import UNKNOWN, Pictures
from edge.opencv import cv2

LIMIT = 12
"""What a page shows; more of them are counted."""
_THUMBNAIL, _SMALL = 192, 96
"""Longest side in pixels on the page; up to the second a picture is kept to the pixel."""


def worst_disagreements(
    pictures: Pictures,
    source: NDArray[np.floating],
    artifact: NDArray[np.floating],
    labels: Sequence[str],
    *,
    colour: str,
) -> tuple[tuple[Disagreement, ...], int]:
    """At most `LIMIT` of them, and how many there are; scores are (N, classes), `colour` is the frames' order.

    How far apart: what the artifact's own first answer and the original's differ by in both, in all.
    """
    first, now = source.argmax(axis=1), artifact.argmax(axis=1)
    differing = np.flatnonzero(first != now)
    rows = np.arange(len(first))
    apart = (source[rows, first] - source[rows, now]) + (artifact[rows, now] - artifact[rows, first])
    worst = differing[np.argsort(-apart[differing], kind="stable")][:LIMIT]
    found = tuple(
        Disagreement(
            name=f"picture {i}",
            image=thumbnail(pictures.frames[i], colour=colour),
            source=_answer(source[i], labels),
            artifact=_answer(artifact[i], labels),
            truth="" if pictures.labels[i] == UNKNOWN else _label(int(pictures.labels[i]), labels),
        )
        for i in worst
    )
    return found, len(differing)


def thumbnail(frame: NDArray[np.uint8], *, colour: str) -> bytes:
    """A fitted picture (h, w, c) as a small PNG, or as a JPEG where it has to be made smaller."""
    pixels = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) if colour == "rgb" else frame
    longest = max(frame.shape[:2])
    if longest <= _SMALL:
        return bytes(cv2.imencode(".png", pixels)[1])
    if longest > _THUMBNAIL:
        scale = _THUMBNAIL / longest
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


def _answer(scores: NDArray[np.floating], labels: Sequence[str]) -> str:
    best = int(scores.argmax())
    return f"{_label(best, labels)} {scores[best]:.0%}"


def _label(index: int, labels: Sequence[str]) -> str:
    return labels[index] if index < len(labels) else f"class {index}"
