"""A video file: every frame, as fast as they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contract.errors import SourceError
from edge.frames import Frame
from edge.opencv import cv2


class VideoSource:
    """The frames of a file that OpenCV (its FFmpeg) decodes."""

    live = False

    def __init__(self, text: str) -> None:
        self.name = Path(text).name
        self._text = text
        self._capture: Any = cv2.VideoCapture(text, cv2.CAP_ANY)
        self._index = 0
        if not self._capture.isOpened():
            raise _undecodable(text)

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame; SourceError when not even the first could be decoded."""
        there, pixels = self._capture.read()
        if not there:
            if self._index == 0:
                raise _undecodable(self._text)
            return None
        frame = Frame.now(self.name, self._index, pixels)
        self._index += 1
        return frame

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


def open(text: str) -> VideoSource:
    """The video file at the path `text`."""
    return VideoSource(text)


def _undecodable(text: str) -> SourceError:
    return SourceError(
        "not a video that can be decoded", where=text, fix="Check that it plays elsewhere; convert it with ffmpeg."
    )
