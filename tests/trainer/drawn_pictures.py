"""Small labelled pictures drawn for a test: a class is a colour and a place, and no two are equal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

SIZE = 24
_COLOURS = ((40, 60, 200), (60, 200, 60), (200, 80, 40), (60, 200, 220))


def draw(root: Path, pictures: Mapping[str, int], *, seed: int = 0) -> Path:
    """Write so many PNG files into each folder below `root`; folders of one name show the same kind of thing."""
    drawn = np.random.default_rng(seed)
    kinds = sorted({folder.rsplit("/", 1)[-1] for folder in pictures})
    for folder, count in pictures.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = drawn.integers(0, 60, (SIZE, SIZE, 3), dtype=np.uint8)
            kind = kinds.index(folder.rsplit("/", 1)[-1])
            x, y = (int(v) for v in drawn.integers(6, SIZE - 6, 2))
            cv2.circle(pixels, (x, y), 5, _COLOURS[kind], -1)
            write(root / folder / f"picture-{number:03}.png", pixels)
    return root


def write(path: Path, pixels: np.ndarray) -> None:
    """One picture; cv2 says nothing when it cannot."""
    assert cv2.imwrite(str(path), pixels), path
