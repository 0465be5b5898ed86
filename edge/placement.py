"""Where a frame lies in the model's picture, and the way back: pure geometry, shared by resize and boxes.

Every resize rule is one statement: this rectangle of the frame fills that rectangle of the model's picture.
"""

from __future__ import annotations

from typing import NamedTuple

from contract.manifest import Preprocessing


class Rectangle(NamedTuple):
    """Left, top, right, bottom in whole pixels; right and bottom are just outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


class Placement(NamedTuple):
    """`crop` of the frame fills `target` of the model's picture."""

    crop: Rectangle
    target: Rectangle

    def to_frame(self, x: float, y: float) -> tuple[float, float]:
        """A point of the model's picture in pixels of the frame, kept inside the frame's part that was seen."""
        return (
            _along(x, self.target.left, self.target.width, self.crop.left, self.crop.width),
            _along(y, self.target.top, self.target.height, self.crop.top, self.crop.height),
        )


def placement(frame_wh: tuple[int, int], prep: Preprocessing) -> Placement:
    """How a frame of that size comes into the model's picture by `prep.resize`."""
    width, height = frame_wh
    model_width, model_height = prep.size_wh
    whole, model = Rectangle(0, 0, width, height), Rectangle(0, 0, model_width, model_height)
    if prep.resize == "letterbox":
        scale = min(model_width / width, model_height / height)
        return Placement(whole, _centred(round(width * scale), round(height * scale), model))
    if prep.resize == "crop":
        scale = max(model_width / width, model_height / height)
        return Placement(_centred(round(model_width / scale), round(model_height / scale), whole), model)
    return Placement(whole, model)


def _centred(width: int, height: int, around: Rectangle) -> Rectangle:
    """A rectangle of that size in the middle of another: at least one pixel, at most the other's size."""
    width, height = min(max(width, 1), around.width), min(max(height, 1), around.height)
    left, top = (around.width - width) // 2, (around.height - height) // 2
    return Rectangle(left, top, left + width, top + height)


def _along(at: float, start: int, length: int, to_start: int, to_length: int) -> float:
    share = min(max((at - start) / length, 0.0), 1.0)
    return to_start + share * to_length
