"""Pictures that show too little: of one colour, too dark, too bright, without contrast, blurred.

Each picture is named once, under the first of these. A picture is odd by itself beyond the absolute limits, and odd in
its set where it is far from the others and beyond a milder limit: a night camera's pictures are all dark, and a
microscope's are all soft.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.checks.examined import Examined, Seen
from trainer.checks.finding import Finding, Kind, of_pictures
from trainer.checks.outliers import deviations, rare

_FAR = 5.0
"""Robust standard deviations from the median that count as far."""
_ONE_COLOUR = 2.0
"""Standard deviation in 0..255 of a channel; a covered lens gives about 1, JPEG of a plain thing less."""
_DARK, _DARKER_THAN_OTHERS = 40, 90
"""Shade 0..255 that 95 % of the pixels are darker than: black, and murky."""
_BRIGHT, _BRIGHTER_THAN_OTHERS = 240, 205
"""Shade 0..255 that 95 % of the pixels are brighter than."""
_FLAT, _FLATTER_THAN_OTHERS = 25, 70
"""Distance between the 1 % darkest and the 1 % brightest pixels, 0..255."""
_BLURRED, _MORE_THAN_OTHERS = 0.85, 0.6
"""On the scale of `trainer/checks/blur.py`; sharp photographs measure 0.2 to 0.5."""
_LEAST_TO_BLUR = 32
"""Pixels each way below which a picture is all edges and cannot look blurred."""


def of_exposure(seen: Examined) -> Iterator[Finding]:
    """The five, each picture under one of them."""
    reads = seen.good
    if not reads:
        return
    looks = [read.made for read in reads]
    plain = np.array([look.spread < _ONE_COLOUR for look in looks])
    dark = _dark([look.brightest for look in looks]) & ~plain
    bright = _bright([look.darkest for look in looks]) & ~plain & ~dark
    flat = _flat([look.contrast for look in looks]) & ~plain & ~dark & ~bright
    blurred = _blurred(reads) & ~plain & ~dark & ~bright & ~flat
    yield from _named("single-colour", reads, plain, "spread", "pictures of a single colour show nothing",
                      "Remove them; look whether the camera was covered.")  # fmt: skip
    yield from _named("dark", reads, dark, "brightest", "pictures too dark to see much",
                      "Remove them, unless the device will see such pictures too.")  # fmt: skip
    yield from _named("bright", reads, bright, "darkest", "pictures too bright to see much",
                      "Remove them, unless the device will see such pictures too.")  # fmt: skip
    yield from _named("low-contrast", reads, flat, "contrast", "pictures with next to no contrast",
                      "Remove them; look for fog, a dirty lens or a wrong exposure.")  # fmt: skip
    yield from _named("blurred", reads, blurred, "blur", "blurred pictures",
                      "Remove them, unless the device will see such pictures too.")  # fmt: skip


def _dark(brightest: Sequence[float]) -> NDArray[np.bool_]:
    values = np.array(brightest)
    return (values < _DARK) | rare((deviations(brightest, least_spread=8) < -_FAR) & (values < _DARKER_THAN_OTHERS))


def _bright(darkest: Sequence[float]) -> NDArray[np.bool_]:
    values = np.array(darkest)
    return (values > _BRIGHT) | rare((deviations(darkest, least_spread=8) > _FAR) & (values > _BRIGHTER_THAN_OTHERS))


def _flat(contrast: Sequence[float]) -> NDArray[np.bool_]:
    values = np.array(contrast)
    far = deviations(np.log2(1 + values).tolist(), least_spread=0.2) < -_FAR
    return (values < _FLAT) | rare(far & (values < _FLATTER_THAN_OTHERS))


def _blurred(reads: Sequence[Seen]) -> NDArray[np.bool_]:
    values = np.array([read.made.blur for read in reads])
    judged = np.array([min(read.size_wh) >= _LEAST_TO_BLUR for read in reads])
    far = deviations(values.tolist(), least_spread=0.03) > _FAR
    return judged & ((values > _BLURRED) | rare(far & (values > _MORE_THAN_OTHERS)))


_SAID = {
    "spread": "spread {:.1f} of 255",
    "brightest": "95 % of it darker than {:.0f} of 255",
    "darkest": "95 % of it brighter than {:.0f} of 255",
    "contrast": "shades {:.0f} of 255 apart",
    "blur": "blur {:.2f}",
}


def _named(
    kind: Kind, reads: Sequence[Seen], chosen: NDArray[np.bool_], measure: str, what: str, fix: str
) -> Iterator[Finding]:
    """The worst first: large values of brightness and blur are bad, small ones of the others."""
    sign = -1 if kind in ("bright", "blurred") else 1
    found = sorted(
        (sign * float(getattr(reads[i].made, measure)), reads[i].listed.name) for i in np.flatnonzero(chosen).tolist()
    )
    yield from of_pictures(kind, "warning", [(name, _SAID[measure].format(sign * v)) for v, name in found], what, fix)
