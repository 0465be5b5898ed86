"""The one place where OpenCV is imported: quiet, on one thread, and with a sentence where it is missing.

One thread, because a model-sized resize takes a fraction of a millisecond, while OpenCV's thread pool would take
the cores the inference library was given. Quiet, because a damaged picture or an absent camera becomes one of our
errors, and OpenCV and its FFmpeg would write theirs beside it.
"""

from __future__ import annotations

import os

from contract.errors import MissingPartError

# Read by its FFmpeg when the first video is opened; -8 is AV_LOG_QUIET.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

try:
    import cv2
except ModuleNotFoundError as missing:
    raise MissingPartError(
        "pictures need OpenCV, which is not installed",
        where="the Python package cv2",
        fix="Run: pip install 'edgeferry[camera]', or install the distribution's python3-opencv.",
    ) from missing

cv2.setNumThreads(1)
# 4.11, the last that goes with numpy 1, has no module for it; 0 is silent.
getattr(cv2.utils, "logging", cv2).setLogLevel(0)

__all__ = ["cv2"]
