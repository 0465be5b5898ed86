"""A video file: every frame, upright and with its place in the clip, as fast as they are asked for.

OpenCV turns the frames as the file's rotation says (`CAP_PROP_ORIENTATION_AUTO`, its default).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contract.errors import DamagedFrameError, SourceError
from edge.frames import Frame
from edge.opencv import cv2

_WHOLE_SHARE, _WHOLE_SPARE_S = 0.95, 0.2
"""Containers announce a length that is rounded and counts the sound; what misses no more than this is whole."""


class VideoSource:
    """The frames of a file that OpenCV (its FFmpeg) decodes."""

    live = False

    def __init__(self, text: str) -> None:
        self.name = Path(text).name
        self._text = text
        self._capture: Any = cv2.VideoCapture(text, cv2.CAP_ANY)
        if not self._capture.isOpened():
            raise _undecodable(text)
        self._frames_per_s = max(float(self._capture.get(cv2.CAP_PROP_FPS)), 0.0)
        self._announced = max(float(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0.0)
        self._index, self._at_s, self._over = 0, 0.0, False

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame; SourceError when not even the first could be decoded.

        A file that ends well before the length it announces gives a damaged frame at the end.
        """
        if self._over:
            return None
        there, pixels = self._capture.read()
        if not there:
            self._over = True
            return self._end()
        self._at_s = self._media_s()
        frame = Frame.now(self.name, self._index, pixels, media_s=self._at_s)
        self._index += 1
        return frame

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _media_s(self) -> float:
        """The container's time of the frame just read; where it has none, its number at the announced rate."""
        at_s = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        if self._index == 0 or at_s > self._at_s:
            return max(at_s, 0.0)
        return self._at_s + (1 / self._frames_per_s if self._frames_per_s else 0.0)

    def _end(self) -> Frame | None:
        if self._index == 0:
            raise _undecodable(self._text)
        length_s = self._announced / self._frames_per_s if self._frames_per_s else 0.0
        if self._at_s >= length_s * _WHOLE_SHARE - _WHOLE_SPARE_S or self._index >= self._announced:
            return None
        problem = DamagedFrameError(
            f"the video was cut short: it ends after {self._at_s:.1f} of {length_s:.1f} s",
            where=f"{self._text}, frame {self._index}",
            fix="Copy or record it again; the frames before this one are sound.",
        )
        return Frame.now(self.name, self._index, problem)


def open(text: str) -> VideoSource:
    """The video file at the path `text`."""
    return VideoSource(text)


def _undecodable(text: str) -> SourceError:
    return SourceError(
        "not a video that can be decoded", where=text, fix="Check that it plays elsewhere; convert it with ffmpeg."
    )
