"""The gate before the model: whether anything moves. Nothing here knows what moves.

A small grey picture is compared with a background that follows it slowly. Light is taken out first: the whole
picture's gain and offset against the background are fitted (least squares), so that an exposure step or a cloud is no
motion. Noise is taken out by a mean over the neighbourhood and a threshold well above what is left of it.
"""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from contract.scene import Motion
from edge.frames import Frame, Pixels
from edge.opencv import cv2
from edge.scene.masks import Masks

log = logging.getLogger(__name__)

_SMALL_WH = (320, 180)
"""Every n-th pixel of a frame is looked at, so that about this many are; then they are halved."""
_CHANGED = 12.0
"""Levels of 256. Noise of 10 levels a pixel is under 2 after the two means, so this is beyond six sigma."""
_FORGET_S = 2.0
"""Time constant with which the background follows. A thing of contrast 100 that was taken away is forgotten after
twice this time; with 10 s it would keep the gate open for 20 s. What creeps is still seen: a person's outline need
move by no more than a pixel of the small picture in this time."""
_ANOTHER_VIEW = 0.6
"""With more than this share changed, the camera was moved or the scene cut: the background begins anew."""
_CLIPPED = 230
"""Brighter is not told apart, because single pixels of a mean begin to clip here; and what is this bright already can
only be seen to grow darker."""
_RIDGE = 25.0
"""Levels squared: against a flat background the fit keeps a gain of 1."""


class MotionGate:
    """Decides frame by frame, from pixels and times alone: the same frames give the same decisions."""

    def __init__(self, motion: Motion, masks: Masks, source_name: str) -> None:
        self._motion, self._masks, self._name = motion, masks, source_name
        self._picture = _SmallPicture(masks, (0, 0))
        self._looked_s = self._answered_s = self._moved_s = -np.inf
        self._open = False

    def wants(self, frame: Frame, at_s: float) -> bool:
        """Whether the model should look at `frame`, captured at `at_s`. One damaged or empty is let through."""
        if frame.pixels is None or frame.pixels.size == 0:
            return True
        if frame.size_wh != self._picture.frame_wh:
            self._picture = _SmallPicture(self._masks, frame.size_wh)
        share = self._picture.moved(frame.pixels, min(1.0, (at_s - self._looked_s) / _FORGET_S))
        self._looked_s = at_s
        if share >= self._motion.threshold_share:
            self._moved_s = at_s
        self._turn(at_s - self._moved_s <= self._motion.hold_s, at_s, share)
        if not self._open and at_s - self._answered_s < self._motion.keep_alive_s:
            return False
        self._answered_s = at_s
        return True

    def _turn(self, is_open: bool, at_s: float, share: float) -> None:
        if is_open != self._open:
            self._open = is_open
            word = "opens" if is_open else "closes"
            log.debug("%s: the motion gate %s at %.3f s, %.4f of the view changed", self._name, word, at_s, share)


class _SmallPicture:
    """The grey picture of one frame size, its background, and the buffers between them."""

    def __init__(self, masks: Masks, frame_wh: tuple[int, int]) -> None:
        self.frame_wh = frame_wh
        self._step = max(1, min(frame_wh[0] // _SMALL_WH[0], frame_wh[1] // _SMALL_WH[1]))
        grey_wh = tuple(-(-length // self._step) for length in frame_wh)
        self._wh = (max(1, grey_wh[0] // 2), max(1, grey_wh[1] // 2))
        self._grey = np.empty(grey_wh[::-1], np.uint8)
        self._halved = np.empty(self._wh[::-1], np.uint8)
        self._now, self._background, self._expected = (np.zeros(self._wh[::-1], np.float32) for _ in range(3))
        # Wider by what the means below carry out of a mask.
        self._seen = cv2.dilate(masks.covered(*self._wh), np.ones((3, 3), np.uint8)) == 0
        self._seen_count = int(self._seen.sum())
        self._fresh = True

    def moved(self, pixels: Pixels, forget: float) -> float:
        """Share 0..1 of what may be seen that changed; the background then follows by the share `forget`."""
        # Green carries most of the brightness, and one channel is one pass over the frame.
        np.copyto(self._grey, pixels[:: self._step, :: self._step, 1])
        cv2.resize(self._grey, self._wh, dst=self._halved, interpolation=cv2.INTER_LINEAR)
        cv2.blur(self._halved, (3, 3), dst=self._halved)
        np.minimum(self._halved, _CLIPPED, out=self._now)
        if self._fresh or not self._seen_count:
            np.copyto(self._background, self._now)
            self._fresh = False
            return 0.0
        share = 0.0
        # The usual case at under half the cost: no pixel differs, so there is no light to take out.
        if cv2.norm(self._now, self._background, cv2.NORM_INF) > _CHANGED:
            share = float(np.count_nonzero(self._changed() & self._seen)) / self._seen_count
        cv2.accumulateWeighted(self._now, self._background, 1.0 if share > _ANOTHER_VIEW else forget)
        return share

    def _changed(self) -> NDArray[np.bool_]:
        """Where the picture is not what the background would be in today's light."""
        gain, offset = self._light()
        np.clip(np.multiply(self._background, gain, out=self._expected) + offset, 0, _CLIPPED, out=self._expected)
        clipped = self._background >= _CLIPPED
        np.maximum(self._expected, self._now, out=self._expected, where=clipped)
        return cv2.absdiff(self._now, self._expected) > _CHANGED  # type: ignore[no-any-return]

    def _light(self) -> tuple[float, float]:
        """Gain and offset of the picture over its background, fitted to what may be seen and is not clipped."""
        usable = self._seen & (self._background < _CLIPPED) & (self._now < _CLIPPED)
        was, now = self._background[usable], self._now[usable]
        if was.size == 0:
            return 1.0, 0.0
        was_mean, now_mean = float(was.mean()), float(now.mean())
        was = was - was_mean
        gain = (float(was @ (now - now_mean)) + _RIDGE * was.size) / (float(was @ was) + _RIDGE * was.size)
        return gain, now_mean - gain * was_mean
