"""Parts of the view nobody may see, blackened before a picture is stored or shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contract.scene import Polygon
from edge.frames import Pixels
from edge.opencv import cv2

_SUBPIXEL_BITS = 8


class Masks:
    """Polygons in fractions of the frame. May be used by several threads."""

    def __init__(self, polygons: Sequence[Polygon]) -> None:
        self._polygons = tuple(polygons)
        self._latest: tuple[tuple[int, int], Pixels] | None = None

    def __bool__(self) -> bool:
        return bool(self._polygons)

    def hidden(self, pixels: Pixels) -> Pixels:
        """The picture (h, w, 3) with every polygon black: a copy, or `pixels` itself where there are no masks."""
        if not self._polygons:
            return pixels
        hidden: Pixels = cv2.bitwise_and(pixels, self._cover(pixels.shape[1], pixels.shape[0]))
        return hidden

    def covered(self, width: int, height: int) -> Pixels:
        """(height, width) uint8 for a picture of that size: 255 where a polygon or its edge touches a pixel, else 0."""
        area = np.zeros((height, width), np.uint8)
        for polygon in self._polygons:
            # OpenCV's whole numbers are the centres of pixels, ours the edges; the outline is drawn with the filling.
            corners = (np.asarray(polygon) * (width, height) - 0.5) * (1 << _SUBPIXEL_BITS)
            cv2.fillPoly(area, [np.rint(corners).astype(np.int32)], 255, shift=_SUBPIXEL_BITS)
        return area

    def _cover(self, width: int, height: int) -> Pixels:
        """(height, width, 3) of 0 where hidden and 255 elsewhere; one pass with it copies and hides at once."""
        latest = self._latest
        if latest is None or latest[0] != (width, height):
            seen = cv2.bitwise_not(self.covered(width, height))
            latest = self._latest = ((width, height), cv2.merge([seen, seen, seen]))
        return latest[1]
