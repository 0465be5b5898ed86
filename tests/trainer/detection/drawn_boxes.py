"""Small pictures drawn for a test, with every thing in them marked: red squares and green discs on noise."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from edge.frames import Pixels
from trainer.data.boxes import Box, OddBox
from trainer.data.origin import Listed, Origin, SplitName
from trainer.settings import Augmentation, InputSettings, Suggestion

LABELS = ("disc", "square")
SIZE_WH = (64, 48)
_COLOURS = ((60, 200, 60), (50, 50, 220))


def drawn_origin(
    counts: Sequence[tuple[SplitName | None, int]], *, seed: int = 0, odd: tuple[OddBox, ...] = ()
) -> Origin:
    """So many pictures of each split, each with one to three things of both kinds."""
    drawn = np.random.default_rng(seed)
    listed = [
        picture(f"{split or 'all'}/{number:03}.png", split, drawn) for split, count in counts for number in range(count)
    ]
    prep = InputSettings(size_wh=SIZE_WH)
    return Origin(
        text="drawn",
        labels=LABELS,
        pictures=tuple(listed),
        suggestion=Suggestion(preprocessing=prep, augmentation=Augmentation()),
        task="detect",
        odd_boxes=odd,
    )


def picture(name: str, split: SplitName | None, drawn: np.random.Generator) -> Listed:
    width, height = SIZE_WH
    pixels = drawn.integers(0, 50, (height, width, 3), dtype=np.uint8)
    boxes: list[Box] = []
    for _ in range(int(drawn.integers(1, 4))):
        kind, side = int(drawn.integers(2)), int(drawn.integers(12, 21))
        left, top = int(drawn.integers(0, width - side)), int(drawn.integers(0, height - side))
        if any(_overlap((left, top, left + side, top + side), box) for box in boxes):
            continue
        if kind:
            cv2.rectangle(pixels, (left, top), (left + side - 1, top + side - 1), _COLOURS[1], -1)
        else:
            cv2.circle(pixels, (left + side // 2, top + side // 2), side // 2, _COLOURS[0], -1)
        boxes.append(Box(kind, (left, top, left + side, top + side)))
    return Listed(name, boxes[0].label, split, partial(_give, pixels), boxes=tuple(boxes))


def _give(pixels: Pixels) -> Pixels:
    return pixels


def _overlap(xyxy: tuple[int, int, int, int], box: Box) -> bool:
    x1, y1, x2, y2 = box.xyxy_px
    return xyxy[0] < x2 and x1 < xyxy[2] and xyxy[1] < y2 and y1 < xyxy[3]


def drawn_on_disk(root: Path, counts: Sequence[tuple[SplitName | None, int]], *, seed: int = 0) -> Path:
    """The same pictures as files, with a CSV of their boxes; its path."""
    lines = ["path,split,label,xmin,ymin,xmax,ymax"]
    for listed in drawn_origin(counts, seed=seed).pictures:
        file = root / listed.name
        file.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(file), listed.read())
        for box in listed.boxes:
            edges = ",".join(f"{edge:g}" for edge in box.xyxy_px)
            lines.append(f"{listed.name},{listed.split or ''},{LABELS[box.label]},{edges}")
    table = root / "boxes.csv"
    table.write_text("\n".join(lines) + "\n")
    return table
