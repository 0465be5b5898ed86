"""Boxes that nobody drew and detectors that never ran: for what is computed of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.marked import Found, Marked

Draws = np.random.Generator


def imagined_truth(pictures: int, drawn: Draws, *, classes: int = 2) -> list[Marked]:
    """One to three boxes of 15 to 40 pixels in each picture, one in ten of them a crowd."""
    return [_marked(int(drawn.integers(1, 4)), drawn, classes) for _ in range(pictures)]


def _marked(boxes: int, drawn: Draws, classes: int) -> Marked:
    return Marked(_boxes(boxes, drawn), drawn.integers(0, classes, boxes), drawn.random(boxes) < 0.1)


def _boxes(count: int, drawn: Draws) -> np.ndarray:
    corners = drawn.uniform(0, 200, (count, 2))
    return np.concatenate([corners, corners + drawn.uniform(15, 40, (count, 2))], axis=1).astype(np.float32)


def imagined_answers(truth: Sequence[Marked], drawn: Draws, *, hit: float = 0.8, classes: int = 2) -> list[Found]:
    """A detector that finds boxes by this chance, two pixels off, and two that are not there in each picture."""
    answers = []
    for one in truth:
        seen, wrong = drawn.random(len(one)) < hit, int(drawn.poisson(2))
        near = one.boxes[seen] + drawn.normal(0, 2, (int(seen.sum()), 4))
        scores = np.concatenate([drawn.beta(4, 2, len(near)), drawn.beta(2, 4, wrong)]).astype(np.float32)
        boxes = np.concatenate([near, _boxes(wrong, drawn)]).astype(np.float32)
        answers.append(Found(boxes, np.concatenate([one.labels[seen], drawn.integers(0, classes, wrong)]), scores))
    return answers
