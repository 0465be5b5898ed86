"""What every contestant prints, counted in one place. Standard library only: a peer's interpreter has none of ours."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

EVERY = 60
"""The answers to each so many frames are told, so that contestants can be compared."""
THRESHOLD = 0.4


def arguments() -> argparse.ArgumentParser:
    """`--video --model --labels --frames`, which all contestants take."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--video", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=300)
    return parser


class Told:
    """Counts from the moment it is made, which is just before the first frame is read."""

    def __init__(self) -> None:
        self._detections: list[dict[str, object]] = []
        self._began_s, self._cpu_began_s = time.perf_counter(), time.process_time()
        self._frames = 0

    def answered(self, found: list[tuple[str, float, tuple[float, ...]]]) -> None:
        """One more frame, with (label, score, box as x1 y1 x2 y2 in its pixels) of all it shows."""
        if self._frames % EVERY == 0:
            for label, score, box in found:
                row = {"frame": self._frames, "label": label, "score": round(score, 3), "box_xyxy_px": box}
                self._detections.append(row)
        self._frames += 1

    def count(self, frames: int) -> None:
        """So many frames more, of a stage that finds nothing."""
        self._frames += frames

    def tell(self) -> None:
        """Print all of it, as one line of JSON."""
        seconds = time.perf_counter() - self._began_s
        facts = {
            "frames": self._frames,
            "seconds": seconds,
            "frames_per_s": self._frames / seconds,
            "cpu_s": time.process_time() - self._cpu_began_s,
            "detections": self._detections,
        }
        sys.stdout.write(json.dumps(facts) + "\n")
