"""Where each canary stands among the devices on the old model: only ranks count, so no distribution is assumed.

Changes are compared with those of control; equal ones are put in order by lot, one lot a device, so that a canary that
changed as control did is as likely to stand in one gap between control devices as in any other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def devices_above(control: Floats, control_lots: Floats, canaries: Floats, lots: Floats) -> Counts:
    """For each canary, how many control devices stand above it; all finite, one dimension, lots beside their values."""
    greater = control[None, :] > canaries[:, None]
    tied = (control[None, :] == canaries[:, None]) & (control_lots[None, :] > lots[:, None])
    found: Counts = np.sum(greater | tied, axis=1, dtype=np.int64)
    return found
