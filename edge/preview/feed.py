"""One source's way from the runtime to its viewers: a slot for the latest frame, and the latest JPEG made of it.

The runtime's thread only copies pixels, and only when a viewer waits and the last picture is old enough. Masks and JPEG
are the encoder's matter. A viewer that is slow misses pictures and holds nobody up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from contract.codec import to_json
from contract.errors import BackendError
from contract.result import Result
from edge.frames import Frame, Pixels
from edge.opencv import cv2

Hide = Callable[[str, Pixels], Pixels]
"""A source's name and its pixels in; pixels anybody may see out."""

_MOST_PX = 1280
"""Longer pictures are thinned by whole steps until their longest side is below twice this."""
_QUALITY = 80


class Shown(NamedTuple):
    """One frame as viewers get it."""

    number: int
    """Counts from 1 in each feed."""
    answer: bytes
    """JSON: `{"picture": whether one follows, "result": the frame's result}`."""
    jpeg: bytes | None
    """None for a damaged frame."""


class _Said(Struct, frozen=True):
    picture: bool
    result: Result


class Feed:
    """The frames of one source, or of all; `changed` is the preview's one lock."""

    def __init__(self, changed: threading.Condition, hide: Hide | None, interval_s: float) -> None:
        self._changed, self._hide, self._interval_s = changed, hide, interval_s
        self._waiting = 0
        self._due = 0.0
        self._copy: Pixels = np.empty((0, 0, 3), np.uint8)
        self._job: tuple[Result, bool] | None = None
        self._shown: Shown | None = None

    @property
    def watched(self) -> bool:
        """Whether anybody waits for a frame."""
        return self._waiting > 0

    def offer(self, frame: Frame, result: Result, now: float) -> bool:
        """Keep a copy of the frame for the encoder when one is wanted; whether it was. On the runtime's thread."""
        if not self._waiting or self._job is not None or now < self._due:
            return False
        self._due = max(self._due + self._interval_s, now)
        seen = frame.pixels is not None and frame.pixels.size > 0
        if frame.pixels is not None and seen:
            step = max(1, max(frame.size_wh) // _MOST_PX)
            thinned = frame.pixels[::step, ::step]
            if self._copy.shape != thinned.shape:
                self._copy = np.empty(thinned.shape, np.uint8)
            np.copyto(self._copy, thinned)
        self._job = (result, seen)
        return True

    def encode(self) -> bool:
        """Make the kept frame ready for viewers; False when there is none. On the encoder's thread."""
        if self._job is None:
            return False
        result, seen = self._job
        jpeg = self._jpeg(result.source) if seen else None
        number = self._shown.number + 1 if self._shown else 1
        shown = Shown(number, to_json(_Said(seen, result)), jpeg)
        with self._changed:
            self._shown, self._job = shown, None
            self._changed.notify_all()
        return True

    def after(self, number: int, timeout_s: float, over: Callable[[], bool]) -> Shown | None:
        """The latest frame beyond `number`, 0 for any from now on; None after `timeout_s`, or once `over`."""
        with self._changed:
            number = number or (self._shown.number if self._shown else 0)
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: over() or self._newest() > number, timeout_s)
            finally:
                self._waiting -= 1
            return self._shown if not over() and self._newest() > number else None

    def _newest(self) -> int:
        return self._shown.number if self._shown else 0

    def _jpeg(self, source: str) -> bytes:
        pixels = self._hide(source, self._copy) if self._hide else self._copy
        done, data = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
        if not done:
            raise BackendError(
                "OpenCV cannot write a JPEG",
                where="the preview",
                fix="Install opencv-python-headless, a build with JPEG.",
            )
        return bytes(data)
