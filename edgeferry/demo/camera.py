"""A simulated camera: `python -m edgeferry.demo.camera --seed N [--fps F] [--scans FILE]` writes MJPEG to its output.

It stands where `rpicam-vid --codec mjpeg -o -` stands on a Raspberry Pi, so a device reads it by `pipe:` as it
would read the real one.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path


def main() -> None:
    """Draw parcels at a steady rate until nobody reads any more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fps", type=float, default=10.0)
    parser.add_argument("--scans", type=Path, help="what write_scans wrote; otherwise scikit-learn is asked")
    options = parser.parse_args()
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        _film(options.seed, options.fps, options.scans)


def _film(seed: int, fps: float, kept: Path | None) -> None:
    import cv2

    from edgeferry.demo.parcels import conveyor, read_scans, scans

    due = time.monotonic()
    for picture, _ in conveyor(seed, read_scans(kept) if kept else scans("camera")):
        sys.stdout.buffer.write(cv2.imencode(".jpg", picture)[1].tobytes())
        sys.stdout.buffer.flush()
        due = max(due + 1 / fps, time.monotonic() - 1)
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main()
