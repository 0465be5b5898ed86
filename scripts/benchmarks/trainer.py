"""Training speed: pictures a second of our training over a bare Keras `model.fit`, epoch by epoch in turn.

Both sides train the same network on the same digits with the same batch and validation split, each in a process of
its own, because what makes our training repeatable holds for a whole process. One trains an epoch while the other
waits. The bare side is what a person writes who wants no more than weights: Adam, arrays, Keras' defaults.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path
from typing import IO, cast

from scripts.benchmarks.figure import Figure

GOAL = 0.95
_OURS = ("ours", "ema", "kept", "augmented")
"""Our training as it is, with averaged weights, with checkpoints as often as it may, and with augmentation."""
_ROUNDS, _SHORT_ROUNDS = 12, 4
_ROOT = Path(__file__).resolve().parent.parent.parent


class Side:
    """A training in another process that does an epoch when it is told to."""

    def __init__(self, kind: str, epochs: int) -> None:
        command = [sys.executable, "-m", "scripts.benchmarks._training_side", kind, str(epochs)]
        self._process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._said = cast("IO[str]", self._process.stdout)
        self._told = cast("IO[str]", self._process.stdin)
        self._said.readline()  # the first epoch builds the graph and is not counted

    def epoch(self) -> float:
        """Pictures a second of the next epoch, its validation included."""
        self._told.write("go\n")
        self._told.flush()
        return float(self._said.readline())

    def close(self) -> None:
        """Let it end."""
        self._told.close()
        self._process.wait(timeout=60)


def figures(short: bool) -> dict[str, Figure]:
    """Ratios are medians over rounds; each round is one epoch of every side."""
    rounds = _SHORT_ROUNDS if short else _ROUNDS
    sides = {kind: Side(kind, rounds + 1) for kind in ("bare", *_OURS)}
    try:
        speeds = [{kind: side.epoch() for kind, side in sides.items()} for _ in range(rounds)]
    finally:
        for side in sides.values():
            side.close()
    ratios = {kind: statistics.median(speed[kind] / speed["bare"] for speed in speeds) for kind in _OURS}
    return {
        "bare_pictures_per_s": Figure(statistics.median(speed["bare"] for speed in speeds), "pictures/s"),
        "ours_over_bare": Figure(ratios["ours"], "x", f"at least {GOAL}", ratios["ours"] >= GOAL),
        "ours_averaged_over_bare": Figure(ratios["ema"], "x", f"at least {GOAL}", ratios["ema"] >= GOAL),
        "ours_with_checkpoints_over_bare": Figure(ratios["kept"], "x", f"at least {GOAL}", ratios["kept"] >= GOAL),
        "ours_augmented_over_bare_without": Figure(ratios["augmented"], "x"),
        "rounds": Figure(rounds, "epochs a side"),
    }
