"""Pictures in memory, looked at as `dataset check` looks at files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np

from contract.manifest import Task
from edge.frames import Pixels
from trainer.check import Examination, examine_origin
from trainer.checks.finding import Finding
from trainer.data.boxes import Box
from trainer.data.folders import SUGGESTION
from trainer.data.origin import Listed, Origin, SplitName


def photo(seed: int, *, size_wh: tuple[int, int] = (160, 120), cells: int = 7) -> Pixels:
    """Soft coloured patches with fine grain: sharp, well lit, and no two seeds look alike."""
    drawn = np.random.default_rng(seed)
    patches = drawn.integers(0, 255, (cells, cells, 3)).astype(np.uint8)
    smooth = cv2.resize(patches, size_wh, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    grain = drawn.normal(0, 12, smooth.shape)
    return np.asarray(np.clip(smooth + grain, 0, 255), np.uint8)


def listed(
    name: str,
    pixels: Pixels,
    label: int = 0,
    split: SplitName | None = None,
    *,
    boxes: Sequence[Box] = (),
    group: str | None = None,
    columns: dict[str, str] | None = None,
) -> Listed:
    """One of them."""
    return Listed(name, label, split, partial(pixels.copy), tuple(boxes), group, columns or {})


def examined(pictures: Sequence[Listed], labels: Sequence[str] = ("cat", "dog")) -> Examination:
    """All of them, looked at; with boxes where one has any."""
    task: Task = "detect" if any(picture.boxes for picture in pictures) else "classify"
    origin = Origin(text="pictures", labels=tuple(labels), pictures=tuple(pictures), suggestion=SUGGESTION, task=task)
    return examine_origin(origin)


def findings(pictures: Sequence[Listed], labels: Sequence[str] = ("cat", "dog")) -> dict[str, Finding]:
    """What was found about them, by kind."""
    return {finding.kind: finding for finding in examined(pictures, labels).checked.findings}
