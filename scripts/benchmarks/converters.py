"""What a conversion costs beyond the two converters it calls.

The same run, on the same machine, in turns: `edgeferry convert` for a TFLite and an ONNX device (which also quantises
the ONNX model, compares both with the original, checks golden frames and seals two bundles), and a script that calls
the TFLite converter and tf2onnx and nothing else. Both are whole processes, so both start TensorFlow.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from scripts.benchmarks.figure import Figure, at_most

PROFILES = "rpi4,jetson-orin-jp6"
GOAL = 1.5
BARE = "scripts.benchmarks._bare_converters"


def figures(short: bool) -> dict[str, Figure]:
    """Medians over 1 (short) or 5 pairs of processes; a run on the scikit-learn digits is trained for it first."""
    pairs = 1 if short else 5
    with TemporaryDirectory(prefix="edgeferry-bench-") as scratch:
        run = Path(scratch, "run")
        _edgeferry("train", "digits", "--task", "classify", "--out", run, "--epochs", "4", "--seed", "1")
        whole, bare = [], []
        for _ in range(pairs):
            bare.append(_seconds([sys.executable, "-m", BARE, str(run)]))
            convert = ("convert", run, "--for", PROFILES, "--out", Path(scratch, "bundles"))
            whole.append(_seconds([sys.executable, "-m", "edgeferry", *map(str, convert)]))
    ratio = median(ours / theirs for ours, theirs in zip(whole, bare, strict=True))
    return {
        "convert_over_bare_converters": at_most(ratio, GOAL),
        "convert_two_targets": Figure(median(whole), "s"),
        "bare_converters": Figure(median(bare), "s"),
        "pairs": Figure(pairs, ""),
    }


def _edgeferry(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "edgeferry", *map(str, arguments)], check=True, capture_output=True)


def _seconds(command: Sequence[str]) -> float:
    begun = perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return perf_counter() - begun
