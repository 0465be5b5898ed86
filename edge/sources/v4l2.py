"""A camera that Linux knows as /dev/videoN: USB cameras, and CSI cameras through a V4L2 driver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contract.errors import SourceError
from edge.frames import Frame
from edge.opencv import cv2


class V4l2Source:
    """The frames of a V4L2 device, as they come."""

    live = True

    def __init__(self, device: str) -> None:
        self.name = device
        self._capture: Any = cv2.VideoCapture(device, cv2.CAP_V4L2)
        self._index = 0
        if not self._capture.isOpened():
            raise SourceError(
                "the camera cannot be opened", where=device, fix="Is another program using it? Are you in group video?"
            )
        # The driver's queue would only make frames old: the runtime wants the latest.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame; SourceError when the camera gives none (OpenCV waits up to 10 s for it)."""
        there, pixels = self._capture.read()
        if not there:
            raise SourceError("the camera gives no more frames", where=self.name, fix="Check its cable and power.")
        frame = Frame.now(self.name, self._index, pixels)
        self._index += 1
        return frame

    def close(self) -> None:
        """Let other programs have the camera."""
        self._capture.release()


def open(text: str) -> V4l2Source:
    """The camera `/dev/videoN` or `N`."""
    device = f"/dev/video{text}" if text.isdigit() else text
    if not Path(device).exists():
        known = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
        raise SourceError("there is no such camera", where=device, fix=f"Cameras on this machine: {known}.")
    return V4l2Source(device)
