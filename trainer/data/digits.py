"""The scikit-learn digits: 1797 real handwritten digits that need no download, as one more origin of pictures.

Each scan is 8x8 with 16 shades (UCI "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, 1998).
Shades become grey 0..255 and three equal channels, as a camera would deliver them; making them larger is the
work of `edge.preprocess.fit`, like for every other picture.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from contract.errors import MissingPartError
from edge.frames import Pixels
from trainer.data.origin import DIGITS, Listed, Origin
from trainer.settings import FOR_DIGITS, InputSettings, Suggestion

_SHADES = 16
SUGGESTION = Suggestion(
    preprocessing=InputSettings(size_wh=(32, 32), colour="grey"),
    augmentation=FOR_DIGITS,
)


def digits_origin() -> Origin:
    """All 1797 digits, labels "0" to "9", without splits."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as missing:
        raise MissingPartError(
            "the digits come with scikit-learn, which is not installed",
            where=DIGITS,
            fix="Run: pip install 'edgeferry[trainer]'",
        ) from missing
    scans = load_digits()
    pictures = tuple(
        Listed(name=f"scan {number}", label=int(label), split=None, read=partial(_as_seen, scan))
        for number, (scan, label) in enumerate(zip(scans.images, scans.target, strict=True))
    )
    return Origin(
        text=DIGITS, labels=tuple(str(name) for name in scans.target_names), pictures=pictures, suggestion=SUGGESTION
    )


def _as_seen(scan: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Pixels:
    """(8, 8) shades 0..16 as (8, 8, 3) uint8 BGR."""
    grey = np.rint(scan * (255 / _SHADES)).astype(np.uint8)
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
