"""Real aarch64 wheels under emulated Arm processors: the doctor, golden frames, and answers compared with this machine.

Nothing here is a speed. What qemu runs gives the instructions' true results and dies of those the processor lacks, and
takes about a hundred times as long as a board would.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from contract.errors import DataError
from converters.known_answers import STEPS
from scripts.benchmarks._arm import PROCESSORS, REPOSITORY, Emulated, prepare
from scripts.benchmarks._arm_bundles import KINDS, photographs, write_bundle
from scripts.benchmarks._arm_planted import FAULTS, found_faults
from scripts.benchmarks.figure import Figure, at_least, at_most

ANSWERS = REPOSITORY / "scripts" / "benchmarks" / "_arm_answers.py"
_COMPILED = "models/tflite/mobilenet_v1_0.25_128_quant_edgetpu.tflite"
_BOTH_KNOWN_TO_DIE = ("cortex-a53", "cortex-a72")
"""Of onnxruntime 1.21.0 (microsoft/onnxruntime#24512)."""
Answers = dict[str, Any]


def figures(short: bool) -> dict[str, Figure]:
    """All processors and photographs, or (short) one processor and two; DataError without the shared data."""
    data = Path(os.environ.get("EDGEFERRY_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (data / "expected.json").is_file():
        raise DataError("not there", where=str(data), fix="Name the shared data in EDGEFERRY_SHARED_DATA.")
    prepare()
    found: dict[str, Figure] = {}
    with TemporaryDirectory(prefix="edgeferry-arm-") as scratch:
        folder = Path(scratch)
        kinds, pictures = (KINDS[:2], photographs(data)[1:3]) if short else (KINDS, photographs(data))
        bundles = [write_bundle(data, kind, folder) for kind in kinds]
        here = answers_here(folder / "here", bundles, pictures)
        for processor in PROCESSORS[:1] if short else PROCESSORS:
            there = answers_there(processor, folder / processor, bundles, pictures)
            found |= {f"{processor}.{name}": figure for name, figure in _compared(here, there)}
            found |= {f"{processor}.{name}": figure for name, figure in _doctored(processor, folder, data)}
    return found


def answers_here(folder: Path, bundles: list[Path], pictures: list[Path]) -> dict[str, Answers]:
    """By bundle, what `_arm_answers.py` found on this machine."""
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    # -P: beside that file lie others with the names of our rooms.
    subprocess.run([sys.executable, "-P", ANSWERS, folder, *bundles, *pictures], check=True, env=environment)
    return _read(folder)


def answers_there(processor: str, folder: Path, bundles: list[Path], pictures: list[Path]) -> dict[str, Answers]:
    """The same under an emulated processor."""
    folder.mkdir()
    done = Emulated(processor).python(ANSWERS, folder, *bundles, *pictures)
    if done.returncode != 0:
        raise DataError(f"no answers: {done.stderr[-300:]}", where=processor, fix="Run scripts/arm prepare.")
    return _read(folder)


def steps_apart(here: Answers, there: Answers) -> int:
    """Largest difference of an output value, in steps of its quantisation.

    An output that was dequantised inside the model has the smallest distance between two of its values as its step.
    """
    one, other = (found["answers"].astype(np.float64) for found in (here, there))
    step = 1.0 if here["answers"].dtype.kind in "iu" else float(np.diff(np.unique(here["answers"])).min())
    return round(float(np.abs(one - other).max()) / step)


def _read(folder: Path) -> dict[str, Answers]:
    return {file.stem: dict(np.load(file)) for file in sorted(folder.glob("*.npz"))}


def _compared(here: dict[str, Answers], there: dict[str, Answers]) -> Iterator[tuple[str, Figure]]:
    """TensorFlow 1's own kernels for uint8 promise nothing; they stand here to show what int8 spares."""
    for kind, known in here.items():
        answers, promised = there[kind], kind != "tflite_uint8"
        same = float((known["answers"].argmax(axis=1) == answers["answers"].argmax(axis=1)).mean())
        steps, golden = steps_apart(known, answers), float(not answers["golden"].item())
        pixels = np.abs(known["pixels"].astype(int) - answers["pixels"].astype(int)).max()
        yield f"{kind}.top1", at_least(same, 1, f"as share of {len(known['answers'])} photographs")
        yield f"{kind}.apart", at_most(steps, STEPS, "steps") if promised else Figure(steps, "steps")
        yield f"{kind}.golden", at_least(golden, 1, "passed") if promised else Figure(golden, "passed")
        yield f"{kind}.pixels_apart", at_most(float(pixels), 0, "of 255")


def _doctored(processor: str, folder: Path, data: Path) -> Iterator[tuple[str, Figure]]:
    findings = Emulated(processor).doctor()
    wrong = sum(status == "bad" for status, _ in findings.values())
    yield "doctor.bad", at_most(wrong, 0, f"of {len(findings)} findings")
    caught = found_faults(processor, folder / f"{processor}-device", data / _COMPILED)
    for fault in FAULTS:
        dies = fault != "onnxruntime_1_21_0" or processor in _BOTH_KNOWN_TO_DIE
        value = float(fault in caught)
        yield f"doctor.{fault}", at_least(value, 1, "found") if dies else Figure(value, "found")
