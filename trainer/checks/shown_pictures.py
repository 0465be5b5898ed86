"""The few pictures a page shows, made small, with the boxes that matter drawn in.

They are read a second time: keeping every picture small enough for a page would fill the memory for pictures nobody
will see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from contract.errors import SourceError
from edge.opencv import cv2
from trainer.checks.finding import MarkedBox
from trainer.data.boxes import Box
from trainer.data.origin import Listed

_SIDE = 180
"""Longer side in pixels."""
_QUALITY = 80
_FAINT, _STRONG = (190, 190, 190), (30, 70, 240)
"""Blue, green, red: of boxes nobody complains about, and of the others."""


class ShownPictures:
    """Small JPEGs of pictures, by name, each read when it is first asked for."""

    def __init__(self, listed: Iterable[Listed]) -> None:
        self._listed: Mapping[str, Listed] = {picture.name: picture for picture in listed}
        self._plain: dict[str, tuple[bytes, bool] | None] = {}

    def plain(self, name: str) -> tuple[bytes, bool] | None:
        """The picture as (JPEG, whether it is so small that its pixels should be seen); None if it cannot be read."""
        if name not in self._plain:
            self._plain[name] = self._made(name, (), ())
        return self._plain[name]

    def with_boxes(self, name: str, marked: Sequence[MarkedBox]) -> tuple[bytes, bool] | None:
        """The same with all its boxes, `marked` ones in colour."""
        return self._made(name, self._listed[name].boxes, [box.xyxy_px for box in marked])

    def _made(
        self, name: str, boxes: Sequence[Box], marked: Sequence[tuple[float, float, float, float]]
    ) -> tuple[bytes, bool] | None:
        try:
            pixels = self._listed[name].read()
        except SourceError:
            return None
        height, width = pixels.shape[:2]
        scale = (2 if boxes else 1) * _SIDE / max(height, width)
        if scale < 1:
            size_wh = max(1, round(width * scale)), max(1, round(height * scale))
            pixels = cv2.resize(pixels, size_wh, interpolation=cv2.INTER_AREA)
        scale = min(scale, 1.0)
        for xyxy, colour in [*((box.xyxy_px, _FAINT) for box in boxes), *((xyxy, _STRONG) for xyxy in marked)]:
            left, top, right, bottom = (round(value * scale) for value in xyxy)
            cv2.rectangle(pixels, (left, top), (right, bottom), colour, 1 if colour == _FAINT else 2)
        tiny = max(height, width) < _SIDE // 2
        return bytes(cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))[1]), tiny
