"""From which distance on a window is called different: by simulating windows in which nothing has changed.

The usual rule (PSI over 0.1 or 0.2) is no property of the statistic: without any change, four windows of 50 frames in
five are over 0.1. Here each feature's threshold is a quantile of its own distances between random windows and random
references, both drawn from the reference's counts, so that the reference's finite number of pictures is in it.
"""

from __future__ import annotations

import numpy as np

from contract.reference import LAYOUT, Reference
from edge.drift.cells import Cells, cells_of
from edge.drift.distances import smoothed

WINDOW = 50
"""Frames: enough to see moderate shifts, few enough for an answer within minutes."""
FALSE_ALARMS = 0.01
"""Of all windows, all features together."""
FEWEST_PICTURES = 30
"""A reference of fewer says too little to judge by."""
_SPENT = 0.25
"""Part of the promised rate the thresholds are set for; the rest is for an unlucky draw of the reference's pictures.
Over 40 draws of 404 digits 0.45 % of unchanged windows alarmed in the mean, and 6 % for the worst draw."""
_DRAWS = 20_000
_SEED = 0
_DIGITS = 4


def thresholds(reference: Reference, window: int = WINDOW) -> dict[str, float]:
    """By feature, for windows of so many frames.

    The rate is shared equally (Bonferroni), which stays true however features hang together. A good 0.1 s on a PC.
    """
    cells = cells_of(reference)
    rate = FALSE_ALARMS * _SPENT / (len(cells) + (reference.layout is not None))
    draws = np.random.default_rng(_SEED)
    found = {name: _simulated(one, window, rate, draws) for name, one in cells.items()}
    if reference.layout is not None:
        found[LAYOUT] = _layout_threshold(len(reference.layout.mean), pictures_of(reference), rate, draws)
    return {name: round(threshold, _DIGITS) for name, threshold in found.items()}


def pictures_of(reference: Reference) -> int:
    """How many pictures the reference is worth: fewer than it was made of where some stand for several."""
    return sum(reference.brightness.counts)


def _simulated(cells: Cells, window: int, rate: float, draws: np.random.Generator) -> float:
    shares = smoothed(cells.known)
    windows = draws.multinomial(window, shares, _DRAWS)
    references = draws.multinomial(int(cells.known.sum()), shares, _DRAWS)
    return _upper(cells.distance(windows, references), rate)


def _layout_threshold(terms: int, pictures: int, rate: float, draws: np.random.Generator) -> float:
    """Hotelling's T-square over the terms, of means that are about normal: a ratio of two chi-squares."""
    free = max(pictures - terms, 1)
    spread = draws.chisquare(terms, _DRAWS) / terms
    return _upper(spread * (pictures - 1) / draws.chisquare(free, _DRAWS), rate)


def _upper(distances: np.ndarray[tuple[int, ...], np.dtype[np.float64]], rate: float) -> float:
    return float(np.quantile(distances, 1.0 - rate, method="higher"))
