"""How well a model holds out on pictures made worse: fifteen corruptions in five severities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trainer.data.dataset import Pictures
from trainer.measurement.corruptions import KINDS, SEVERITIES, check, corrupt
from trainer.measurement.measures import Robustness
from trainer.measurement.weighted import Labels

Answerer = Callable[[NDArray[np.uint8]], Labels]
"""First answers (N,) to fitted frames (N, H, W, C)."""


def robustness(
    answers: Answerer, pictures: Pictures, *, limit: int, seed: int, said: Callable[[str], None] | None = None
) -> Robustness:
    """Accuracy of `answers` on at most `limit` of `pictures`, drawn by `seed`, under every corruption and severity.

    ConfigError where the pictures are too small for it. `said` hears of every corruption as it begins.
    """
    check(pictures.frames, KINDS[0], SEVERITIES[0])
    count = min(limit, len(pictures))
    chosen = pictures.take(np.sort(np.random.default_rng(seed).permutation(len(pictures))[:count]))
    grid: dict[str, tuple[float, ...]] = {}
    for kind in KINDS:
        if said is not None:
            said(f"Measuring under {kind.replace('_', ' ')}")
        grid[kind] = tuple(_accuracy(answers, corrupt(chosen.frames, kind, s, seed), chosen.labels) for s in SEVERITIES)
    means = {kind: float(np.mean(row)) for kind, row in grid.items()}
    return Robustness(
        pictures=count,
        seed=seed,
        clean=_accuracy(answers, chosen.frames, chosen.labels),
        grid=grid,
        mean=float(np.mean(list(means.values()))),
        worst=min(means, key=lambda kind: means[kind]),
    )


def _accuracy(answers: Answerer, frames: NDArray[np.uint8], truth: Labels) -> float:
    return float(np.mean(answers(frames) == truth))
