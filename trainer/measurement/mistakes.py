"""The test pictures a model got wrong, the surest first: often the labels are what is wrong about them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.frames import Pixels
from edge.opencv import cv2
from trainer.data.dataset import Pictures
from trainer.record import Mistake

LIMIT = 24
"""What a report shows; more is for tools made for it."""


def worst_mistakes(
    pictures: Pictures, scores: NDArray[np.float32], labels: Sequence[str], *, colour: str
) -> tuple[Mistake, ...]:
    """At most `LIMIT` of `pictures` whose best of `scores` (N, classes) is another label; `colour` is their order."""
    answers, sureness = scores.argmax(axis=1), scores.max(axis=1)
    wrong = np.flatnonzero(answers != pictures.labels)
    surest = wrong[np.argsort(-sureness[wrong], kind="stable")][:LIMIT]
    return tuple(
        Mistake(
            name=pictures.names[i],
            truth=labels[pictures.labels[i]],
            answer=labels[answers[i]],
            score=float(sureness[i]),
            png=png_of(pictures.frames[i], colour),
        )
        for i in surest
    )


def png_of(fitted: Pixels, colour: str) -> bytes:
    """A fitted picture (H, W, C) in that order of colours, as a file."""
    pixels = cv2.cvtColor(fitted, cv2.COLOR_RGB2BGR) if colour == "rgb" else fitted
    return bytes(cv2.imencode(".png", pixels)[1])
