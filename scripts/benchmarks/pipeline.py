"""What the kit adds to the inference library: to each frame, to the start, and to the memory.

Each comparison runs its contestants in turn, so that whatever else the machine does falls on both; ratios of medians
are what carries over to other machines. Goals are for one thread.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edge.bundles import UNVERIFIED, read_bundle
from edge.frames import Frame
from edge.model import load_model
from edge.opencv import cv2
from edge.pipeline import run_frame
from scripts.benchmarks._timed_models import Timed, timed_models
from scripts.benchmarks.figure import Figure, at_most

TICK_GOALS = {"small": 1.05, "large": 1.01}
COLD_START_GOAL = 1.3
VIDEO_WH = (1280, 720)
_BLOCK = 10
"""Calls of one contestant before it is the next one's turn; the first of each is not counted, its caches are cold."""


def figures(short: bool) -> dict[str, Figure]:
    """Ticks of both models over bare `invoke`, cold start and memory over a ten-line script."""
    found: dict[str, Figure] = {}
    models = timed_models()
    for name, timed in models.items():
        found |= _ticks(name, timed, rounds={"small": 200, "large": 40}[name] // (4 if short else 1))
    return found | _starts(models["small"], rounds=7 if short else 15)


def _ticks(name: str, timed: Timed, *, rounds: int) -> dict[str, Figure]:
    bundle = read_bundle(timed.bundle, UNVERIFIED)
    model = load_model(bundle.manifest, bundle.digest, bundle.model)
    sized, video = _frame((timed.size, timed.size)), _frame(VIDEO_WH)
    contestants = {
        "bare": _bare(timed).invoke,
        "sized": lambda: run_frame(sized, model),
        "video": lambda: run_frame(video, model),
    }
    took = _interleaved(contestants, rounds)
    bare, ready, full = median(took["bare"]), median(took["sized"]), median(took["video"])
    return {
        f"{name}_tick_over_invoke": at_most(ready / bare, TICK_GOALS[name]),
        f"{name}_overhead": Figure((ready - bare) * 1e6, "us"),
        f"{name}_720p_tick_over_invoke": Figure(full / bare, "x"),
        f"{name}_invoke": Figure(bare * 1e3, f"ms, median of {len(took['bare'])}"),
    }


def _bare(timed: Timed) -> Interpreter:
    interpreter = Interpreter(model_path=str(timed.model), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _frame(size_wh: tuple[int, int]) -> Frame:
    width, height = size_wh
    return Frame.now("noise", 0, np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def _interleaved(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each call, block by block in turn."""
    took: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, call in contestants.items():
            took[name] += list(_block(call))[1:]
    return took


def _block(call: Callable[[], object]) -> Iterator[float]:
    for _ in range(_BLOCK):
        began = perf_counter()
        call()
        yield perf_counter() - began


def _starts(timed: Timed, *, rounds: int) -> dict[str, Figure]:
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        cv2.imwrite(str(picture), _frame((640, 480)).pixels)
        ours = ["-m", "edgeferry", "run", str(timed.bundle), "--source", str(picture), "--results", "-"]
        raw = ["-m", "scripts.benchmarks._raw_litert", str(timed.model), str(picture)]
        runs = [(_start(ours), _start(raw)) for _ in range(rounds + 1)][1:]
    our_s, raw_s = median(our[0] for our, _ in runs), median(raw[0] for _, raw in runs)
    our_kib, raw_kib = median(our[1] for our, _ in runs), median(raw[1] for _, raw in runs)
    return {
        "cold_start_over_script": at_most(our_s / raw_s, COLD_START_GOAL),
        "cold_start": Figure(our_s * 1e3, f"ms to the first result, median of {rounds}"),
        "memory_over_script": Figure(our_kib / raw_kib, "x"),
        "memory": Figure(our_kib / 1024, "MiB at most resident"),
    }


def _start(arguments: list[str]) -> tuple[float, int]:
    """Seconds from the start of the process to its first line, and the most memory it held, in KiB."""
    began = perf_counter()
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        took = perf_counter() - began
        process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or not line:
        raise RuntimeError(f"{arguments} ended {process.returncode}")
    return took, usage.ru_maxrss
