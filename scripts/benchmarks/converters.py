"""What a conversion costs beyond the two converters it calls.

The same run, on the same machine, in turns: `edgeferry convert` for a TFLite and an ONNX device (which also quantises
the ONNX model, compares both with the original, checks golden frames and seals two bundles), and a script that calls
the TFLite converter and tf2onnx and nothing else. Both are whole processes, so both start TensorFlow.

Then a network as people bring it: MobileNetV2 1.0 for 224 x 224, as float32 and int8 of both formats, through the steps
of this project and by hand; how many planted defects are refused (`_defects.py`); and whether a run converted anew
under other surroundings gives equal bytes (`_rebuild.py`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from converters.jobs import QUIET
from scripts.benchmarks import _defects, _rebuild
from scripts.benchmarks._all_targets import MEMBER, SIZE
from scripts.benchmarks.figure import Figure, at_most

PROFILES = "rpi4,jetson-orin-jp6"
GOAL = 1.5
BARE = "scripts.benchmarks._bare_converters"
ALL_TARGETS = "scripts.benchmarks._all_targets"
ALL_TARGETS_GOAL = 1.3
LONGEST_S, LARGEST_MIB = 60, 3 * 1024


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
        **_all_targets(pairs),
        **_defects.figures(short),
        **_rebuild.figures(short),
    }


def _all_targets(pairs: int) -> dict[str, Figure]:
    with TemporaryDirectory(prefix="edgeferry-bench-") as scratch:
        network = Path(scratch, "model.keras")
        member = [sys.executable, "-m", "scripts.benchmarks._zoo_members", MEMBER, str(SIZE), str(network)]
        subprocess.run(member, check=True, capture_output=True, env={**os.environ, **QUIET})
        ours, theirs, peaks = [], [], []
        for pair in range(pairs):
            folders = [Path(scratch, f"{side}{pair}") for side in ("ours", "bare")]
            for folder in folders:
                folder.mkdir()
                (folder / network.name).symlink_to(network)
            theirs.append(_seconds([sys.executable, "-m", ALL_TARGETS, "bare", str(folders[1])]))
            begun = perf_counter()
            told = subprocess.run(
                [sys.executable, "-m", ALL_TARGETS, "ours", str(folders[0])], check=True, capture_output=True, text=True
            )
            ours.append(perf_counter() - begun)
            peaks.append(float(told.stdout.split()[-1]))
    ratio = median(mine / bare for mine, bare in zip(ours, theirs, strict=True))
    return {
        "all_targets_over_bare_converters": at_most(ratio, ALL_TARGETS_GOAL),
        "all_targets": at_most(median(ours), LONGEST_S, "s"),
        "all_targets_largest_process": at_most(max(peaks), LARGEST_MIB, "MiB"),
        "all_targets_bare": Figure(median(theirs), "s"),
    }


def _edgeferry(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "edgeferry", *map(str, arguments)], check=True, capture_output=True)


def _seconds(command: Sequence[str]) -> float:
    begun = perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return perf_counter() - begun
