"""What the tests of a scene look at: frames at known moments, answers with known boxes."""

from __future__ import annotations

import numpy as np

from contract.result import Detection, Result
from edge.frames import Frame, Pixels

SIZE_WH = (640, 360)


def frame(index: int, at_s: float, pixels: Pixels | None = None) -> Frame:
    """A frame of a recording."""
    if pixels is None:
        pixels = np.full((SIZE_WH[1], SIZE_WH[0], 3), 90, np.uint8)
    return Frame("cam", index, 1_700_000_000.0 + at_s, 50.0 + at_s, pixels, None, at_s)


def found(
    x: float, y: float, *, label: str = "person", score: float = 0.9, wh: tuple[float, float] = (0.1, 0.3)
) -> Detection:
    """A thing that stands at (x, y), fractions of the frame."""
    width, height = SIZE_WH
    left, right = (x - wh[0] / 2) * width, (x + wh[0] / 2) * width
    return Detection(index=0, label=label, score=score, box_xyxy_px=(left, (y - wh[1]) * height, right, y * height))


def answer(index: int, *detections: Detection) -> Result:
    """The model's answer to the frame of that number."""
    return Result(
        source="cam", frame=index, captured_at="2026-01-01T00:00:00.000Z", model="m@1", digest="sha256:0",
        size_wh=SIZE_WH, detections=detections,
    )  # fmt: skip
