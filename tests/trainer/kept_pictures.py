"""A folder as a device leaves it: pictures drawn for a test, with the results of a model that never ran."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from contract.codec import to_pretty_json
from contract.result import ClassScore, Detection, Result
from tests.trainer.drawn_pictures import write


def keep(
    folder: Path,
    number: int,
    scores: Sequence[tuple[str, float]] = (("cat", 0.9), ("dog", 0.1)),
    *,
    why: str = "unsure",
    day: str = "20260714",
    boxes: Sequence[Detection] | None = None,
    result: bool = True,
) -> Path:
    """One picture, unlike any of another number, and what a model said about it; the picture's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{day}T2015{number % 60:02}.250Z_front-door_{why}_{number}.png"
    write(path, np.random.default_rng(number).integers(0, 256, (24, 32, 3), dtype=np.uint8))
    said = Result(
        source="front door", frame=number, captured_at="2026-07-14T20:15:03.250Z", model="pets@3",
        digest="sha256:" + "0" * 64, size_wh=(32, 24),
    )  # fmt: skip
    classes = tuple(ClassScore(index=n, label=name, score=score) for n, (name, score) in enumerate(scores))
    told = replace(said, classes=classes) if boxes is None else replace(said, detections=tuple(boxes))
    if result:
        path.with_suffix(".json").write_bytes(to_pretty_json(told))
    return path
