"""From which score on a detector's box is believed: where F1 is best on the validation split."""

from __future__ import annotations

import numpy as np

from edge.average_precision import Average

LOWEST, HIGHEST = 0.05, 0.95
_STEP = 0.01


def best_threshold(average: Average) -> float:
    """The score with the highest F1, the mean over the classes that are marked; of equals the middle one.

    A mean over classes, so that a rare class is heard; a multiple of 0.01, for finer is chance.
    """
    answers = [average.answers(number) for number in range(average.classes)]
    marked = [one for one in answers if one.marked]
    candidates = np.round(np.arange(LOWEST, HIGHEST + _STEP / 2, _STEP), 2)
    values = np.array([np.mean([one.at(float(score)).f1 for one in marked]) for score in candidates])
    best = candidates[values >= values.max() - 1e-12]
    return float(best[len(best) // 2])
