"""How sure a measured share is: the interval that reports, cards and manifests give beside it."""

from __future__ import annotations

import math

_Z_95 = 1.959964
"""Of the normal distribution, for a two-sided 95 % interval."""


def share_interval(share: float, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share seen in `count` trials (E. B. Wilson, 1927, JASA 22:209): honest at 0 and 1."""
    spread = _Z_95**2 / count
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
