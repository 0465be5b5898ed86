"""The program of a reading child: it opens a camera or stream with OpenCV and puts frames into shared memory.

Started by `child.py` as a file, so that it imports OpenCV and numpy and nothing of ours. Descriptor `argv[1]` is one
end of a socket pair of whole messages (SOCK_SEQPACKET), `argv[2]` the parent's process id. The parent first sends what
to open, later one `w` for each frame it wants. The child answers with JSON: `{"open": true}` or `{"failed": true}`,
then for each wanted frame its shape, its moment and how many it passed over; when frames grow, the descriptor of a new
memory comes along. That memory has no name, so it goes when both are gone. Frames nobody asked for are taken from the
driver, but neither converted nor copied. When the parent goes the kernel ends the child.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import socket
import sys
import time
from typing import Any

if __name__ == "__main__":
    # This file's folder has modules named like others' (`pipe`, `video`): not for what follows.
    sys.path.pop(0)

import cv2
import numpy as np

_PR_SET_PDEATHSIG = 1


def main(control: socket.socket) -> None:
    """Read until the parent or the camera is gone."""
    request = json.loads(control.recv(1 << 16))
    capture = _opened(request)
    if capture is None:
        control.send(json.dumps({"failed": True}).encode())
        return
    control.send(json.dumps({"open": True}).encode())
    _Frames(control, capture, eager=request["eager"]).hand_over()


class _Frames:
    """The newest frame, whenever the parent asks."""

    def __init__(self, control: socket.socket, capture: Any, *, eager: bool) -> None:
        self._control, self._capture, self._eager = control, capture, eager
        self._memory: mmap.mmap | None = None
        self._skipped = 0

    def hand_over(self) -> None:
        while True:
            wanted = not self._eager and self._wanted(wait=True)
            if not self._capture.grab():
                self._control.send(json.dumps({"over": True}).encode())
                return
            at = time.monotonic()
            if wanted or self._wanted(wait=False):
                self._give(at)
            else:
                self._skipped += 1

    def _wanted(self, *, wait: bool) -> bool:
        try:
            message = self._control.recv(16, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        if not message:
            sys.exit(0)
        return True

    def _give(self, at: float) -> None:
        there, pixels = self._capture.retrieve()
        if not there:
            self._control.send(json.dumps({"damaged": True, "at": at, "skipped": self._skipped}).encode())
            return
        descriptors = []
        if self._memory is None or len(self._memory) < pixels.nbytes:
            descriptors = [self._grown(pixels.nbytes)]
        assert self._memory is not None
        # One copy, rows packed, whatever OpenCV's own layout is.
        np.frombuffer(self._memory, np.uint8, pixels.nbytes).reshape(pixels.shape)[...] = pixels
        answer = {"shape": pixels.shape, "at": at, "skipped": self._skipped}
        socket.send_fds(self._control, [json.dumps(answer).encode()], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)

    def _grown(self, size_bytes: int) -> int:
        descriptor = os.memfd_create("frames")
        os.ftruncate(descriptor, size_bytes)
        self._memory = mmap.mmap(descriptor, size_bytes)
        return descriptor


def _opened(request: dict[str, Any]) -> Any:
    """The capture, set up as asked, or None."""
    cv2.setNumThreads(1)
    if not request["v4l2"]:
        capture = cv2.VideoCapture(request["address"], cv2.CAP_FFMPEG)
        return capture if capture.isOpened() else None
    capture = cv2.VideoCapture(request["address"], cv2.CAP_V4L2)
    if not capture.isOpened():
        return None
    # Before the size: USB carries large frames at full rate only compressed. Refused where there is no MJPG.
    capture.set(cv2.CAP_PROP_FOURCC, int.from_bytes(b"MJPG", "little"))
    if request["size_wh"] is not None:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, request["size_wh"][0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, request["size_wh"][1])
    if request["fps"] is not None:
        capture.set(cv2.CAP_PROP_FPS, request["fps"])
    # The driver's queue would only make frames old.
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which ends us in order.
    parent = int(sys.argv[2])
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == parent:
        try:
            main(socket.socket(fileno=int(sys.argv[1])))
        except (BrokenPipeError, ConnectionResetError):
            sys.exit(0)
