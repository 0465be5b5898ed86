"""COCO's average precision of pictures that count more than once, or not at all, for many such weightings at a time.

A draw of pictures with replacement is a row of weights, as in `trainer.measurement.bootstrap`, and boxes are matched
once for all of them. Whole weights give what pycocotools gives for pictures repeated so often.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.average_precision import Matches
from trainer.measurement.bootstrap import Values, Weights

_RECALLS = np.linspace(0.0, 1.0, 101)
_CELLS = 1_000_000
"""Weights of boxes held at once: 8 MB of float64."""


def average_precisions(matches: Sequence[Matches], weights: Weights) -> Values:
    """(B, classes, 10 overlaps) for `weights` (B, N) of the pictures; nan where nothing of a class is marked."""
    found = np.full((len(weights), len(matches), _overlaps(matches)), np.nan)
    for number, one in enumerate(matches):
        for rows in _blocks(len(weights), len(one.picture)):
            found[rows, number] = _of_class(one, weights[rows])
    return found


def mean_precision(precisions: Values) -> Values:
    """(B,) over all that is marked, from (B, classes, overlaps); 0 where nothing is, as `Average` has it."""
    marked = np.isfinite(precisions)
    sums = np.where(marked, precisions, 0.0).sum(axis=(1, 2))
    means: Values = sums / np.maximum(marked.sum(axis=(1, 2)), 1)
    return means


def within(matches: Matches, pictures: NDArray[np.bool_]) -> Matches:
    """Of the `pictures` (N,) alone, numbered anew."""
    mine = pictures[matches.picture]
    return Matches(
        scores=matches.scores[mine],
        picture=(np.cumsum(pictures) - 1)[matches.picture[mine]],
        right=matches.right[:, mine],
        counted=matches.counted[:, mine],
        marked=matches.marked[pictures],
    )


def _overlaps(matches: Sequence[Matches]) -> int:
    return len(matches[0].right) if matches else 0


def _blocks(rows: int, boxes: int) -> Iterator[slice]:
    size = max(1, _CELLS // max(1, boxes))
    return (slice(start, start + size) for start in range(0, rows, size))


def _of_class(one: Matches, weights: Weights) -> Values:
    """(B, overlaps)."""
    marked = weights @ one.marked.astype(np.float64)
    said = weights[:, one.picture]
    claims = np.cumsum(said, axis=1) if one.counted.all() else None
    found = np.empty((len(weights), len(one.right)))
    for overlap, (right, counted) in enumerate(zip(one.right, one.counted, strict=True)):
        upto = np.cumsum(said * counted, axis=1) if claims is None else claims
        found[:, overlap] = _interpolated(np.cumsum(said[:, right], axis=1), upto[:, right], marked)
    return found


def _interpolated(hits: Values, claims: Values, marked: Values) -> Values:
    """(B,) from hits and claims (B, T) up to each right box: the best precision from each of 101 recalls on."""
    precision = np.divide(hits, claims, out=np.zeros_like(hits), where=claims > 0)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    share = np.divide(hits, marked[:, None], out=np.zeros_like(hits), where=marked[:, None] > 0)
    reached = np.searchsorted(_RECALLS, share, side="right")
    area = (best * np.diff(reached, axis=1, prepend=0)).sum(axis=1) / len(_RECALLS)
    return np.where(marked > 0, area, np.nan)
