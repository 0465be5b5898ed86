"""Pictures whose size or shape is not that of the others, and sets in which grey pictures lie among coloured ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from trainer.checks.examined import Examined, Seen
from trainer.checks.finding import Finding, of_pictures

_TIMES = 4.0
"""So many times larger or smaller each way than the median picture is odd: it was enlarged, or it is a thumbnail."""
_LONG = 2.5
"""So many times longer or flatter than the median picture is odd: fitting squeezes it, or leaves mostly border."""
_STRIP = 4.0
"""Longer side over shorter from which a picture is a strip, whatever the others are."""
_ALL_BUT = 0.95
"""Share of pictures with one size from which any other size is worth a look."""
_PURE = 0.99
"""Share of coloured, or of grey, pictures from which the others are stragglers by accident rather than a mixture."""


def of_shapes(seen: Examined) -> Iterator[Finding]:
    """Odd sizes, odd shapes, grey among coloured."""
    if not seen.good:
        return
    sizes = np.array([read.size_wh for read in seen.good], np.float64)
    side, shape = np.sqrt(sizes.prod(axis=1)), np.log(sizes[:, 0] / sizes[:, 1])
    far = np.abs(np.log(side / np.median(side))) > np.log(_TIMES)
    usual, times = Counter(read.size_wh for read in seen.good).most_common(1)[0]
    if times >= _ALL_BUT * len(seen.good):
        far |= np.array([read.size_wh != usual for read in seen.good])
    long = (np.abs(shape - np.median(shape)) > np.log(_LONG)) | (np.abs(shape) > np.log(_STRIP))
    yield from of_pictures(
        "odd-sizes", "warning", [_sized(seen.good[i]) for i in np.flatnonzero(far).tolist()],
        what=f"pictures of another size than most, which have about {usual[0]}x{usual[1]} pixels"
        if times >= len(seen.good) / 2 else f"pictures over {_TIMES:.0f} times larger or smaller than the median one",
        fix="Look where they come from: thumbnails and enlarged pictures teach what the device never sees.",
    )  # fmt: skip
    yield from of_pictures(
        "odd-shapes", "warning", [_sized(seen.good[i]) for i in np.flatnonzero(long).tolist()],
        what="pictures far longer or flatter than the others",
        fix="Crop them to what matters; fitting to the model's input squeezes them, or leaves mostly border.",
    )  # fmt: skip
    yield from _of_colour(seen)


def _of_colour(seen: Examined) -> Iterator[Finding]:
    grey = [read for read in seen.good if read.made.grey]
    coloured = [read for read in seen.good if not read.made.grey]
    fewer, word = (grey, "grey") if len(grey) <= len(coloured) else (coloured, "coloured")
    mixture = len(fewer) > (1 - _PURE) * len(seen.good)
    yield from of_pictures(
        "grey-and-colour", "warning", [(read.listed.name, "") for read in fewer],
        what=f"{word} pictures among {len(seen.good) - len(fewer)} {'coloured' if word == 'grey' else 'grey'} ones"
        + ("" if mixture else ", perhaps by accident"),
        fix='Train on grey input (preprocessing.colour = "grey"), or have each class in both.',
    )  # fmt: skip


def _sized(read: Seen) -> tuple[str, str]:
    return read.listed.name, "{}x{}".format(*read.size_wh)
