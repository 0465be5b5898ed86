"""Pictures and scores drawn for tests of what is measured of them: no network, and every number known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from trainer.data.dataset import Pictures
from trainer.data.origin import Listed
from trainer.measurement.appraisal import Scored

LABELS = ("cat", "dog", "owl")


def pictures(truth: np.ndarray) -> Pictures:
    """Grey 24x24 pictures, ever brighter, of ever larger files."""
    count = len(truth)
    levels = np.linspace(10, 240, count).astype(np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (count, 24, 24, 1)).copy()
    names = tuple(f"picture-{number:04}.png" for number in range(count))
    return Pictures(
        frames=frames, labels=truth.astype(np.int64), names=names, digests=names,
        sizes_wh=tuple((100 + number, 100) for number in range(count)),
    )  # fmt: skip


def scored(count: int = 300, *, seed: int = 0, gain: float = 2.0, sharp: float = 1.0) -> Scored:
    """Scores that are right in most cases; `sharp` above 1 makes them too sure."""
    draws = np.random.default_rng(seed)
    truth = draws.integers(0, 3, count)
    logits = draws.normal(size=(count, 3))
    logits[np.arange(count), truth] += gain
    powers = np.exp(sharp * gain * logits)
    scores = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return Scored(pictures(truth), scores, scores.argmax(axis=1).astype(np.int64))


def listed(of: Pictures, columns: Mapping[str, list[str]], groups: list[str] | None = None) -> dict[str, Listed]:
    """What is written about each picture."""

    def unread() -> np.ndarray:
        raise AssertionError

    return {
        name: Listed(
            name=name, label=int(of.labels[i]), split=None, read=unread,
            group=groups[i] if groups else None, columns={key: values[i] for key, values in columns.items()},
        )
        for i, name in enumerate(of.names)
    }  # fmt: skip
