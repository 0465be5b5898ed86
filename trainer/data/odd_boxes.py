"""Which written boxes can be learnt from: the others are left out and named, and small overhangs are cut.

A label file is not refused for one stray click; that would stop a training over two boxes of five thousand. Nothing
is left out silently either: each box taken away or changed is an `OddBox` with file and object.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from trainer.data.boxes import Box, OddBox

_ROUNDING_PX = 0.05
"""Six decimals of a share of 4,096 pixels are 0.004; cut without a word."""
_OVERHANG_PX, _OVERHANG_SHARE = 2.0, 0.01
"""A box may stand out by the larger of these, pixels or share of the side: edges drawn past the border by hand."""


@dataclass(frozen=True, slots=True)
class Written:
    """A box as a label file has it, in pixels of the upright picture, edges 0-based."""

    label: int
    xyxy_px: tuple[float, float, float, float]
    where: str
    """File and object."""
    crowd: bool = False
    problem: str | None = None
    """What its reader found wrong with it already."""


def sort_out(
    picture: str, written: Iterable[Written], size_wh: tuple[int, int] | None
) -> tuple[tuple[Box, ...], list[OddBox], list[OddBox]]:
    """The boxes to learn from, those left out, and those cut at the border of a picture of `size_wh`, if known."""
    good: list[Box] = []
    odd: list[OddBox] = []
    cut: list[OddBox] = []
    seen: dict[tuple[int, tuple[float, ...]], str] = {}
    for one in written:
        first = seen.setdefault((one.label, one.xyxy_px), one.where)
        twice = f"it is written twice, also at {first}" if first != one.where else None
        what = one.problem or wrong_with(one.xyxy_px) or _outside(one.xyxy_px, size_wh) or twice
        if what:
            odd.append(OddBox(picture, one.where, what))
            continue
        inside = _inside(one.xyxy_px, size_wh)
        over = max(abs(a - b) for a, b in zip(one.xyxy_px, inside, strict=True))
        if over > _ROUNDING_PX:
            cut.append(OddBox(picture, one.where, f"it stands {over:.1f} pixels out of the picture and was cut there"))
        good.append(Box(one.label, inside, one.crowd))
    return tuple(good), odd, cut


def wrong_with(xyxy_px: tuple[float, float, float, float]) -> str | None:
    """What is wrong with a box whatever its picture; None where nothing is."""
    if not all(map(math.isfinite, xyxy_px)):
        return "its corners are not finite numbers"
    left, top, right, bottom = xyxy_px
    width, height = right - left, bottom - top
    if width < 0 or height < 0:
        return f"it is inverted: {width:g} x {height:g} pixels"
    if not width or not height:
        return f"its area is zero: {width:g} x {height:g} pixels"
    return None


def _outside(xyxy_px: tuple[float, float, float, float], size_wh: tuple[int, int] | None) -> str | None:
    if size_wh is None:
        return None
    width, height = size_wh
    left, top, right, bottom = xyxy_px
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return f"it lies outside the {width}x{height} picture"
    beside, beyond = max(-left, right - width), max(-top, bottom - height)
    if beside > _allowed(width) or beyond > _allowed(height):
        return f"it stands {max(beside, beyond):.1f} pixels out of the {width}x{height} picture"
    return None


def _allowed(side: int) -> float:
    return max(_OVERHANG_PX, _OVERHANG_SHARE * side)


def _inside(
    xyxy_px: tuple[float, float, float, float], size_wh: tuple[int, int] | None
) -> tuple[float, float, float, float]:
    if size_wh is None:
        return xyxy_px
    width, height = size_wh
    left, top, right, bottom = xyxy_px
    return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))
