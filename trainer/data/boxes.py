"""A thing marked in a picture: what detectors learn from and are measured by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """One marked thing, in pixels of the picture as it is read (upright, before any fitting)."""

    label: int
    """Class number."""
    xyxy_px: tuple[float, float, float, float]
    """Left, top, right, bottom; right and bottom are edges, so that width is right - left."""
    crowd: bool = False
    """A group too dense to mark one by one, or marked as difficult: neither learnt nor counted (COCO `iscrowd`,
    VOC `difficult`)."""


@dataclass(frozen=True, slots=True)
class OddBox:
    """A box a label file has and nobody can learn from; it is left out and reported."""

    picture: str
    """Name of the picture, as `Listed.name`."""
    where: str
    """The label file, and the place in it."""
    what: str
    """For example `its area is zero: 0 x 14 pixels`."""

    def __str__(self) -> str:
        return f"{self.picture}, {self.where}: {self.what}"
