"""What the kit adds to the inference library: to each frame, to the start, and to the memory.

Each comparison runs its contestants in turn, so that whatever else the machine does falls on both; ratios of medians
are what carries over to other machines. Goals are for one thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
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
MORE_MEMORY_GOAL_MIB = 20.0
VIDEO_WH = (1280, 720)
_ROUNDS = {"small": 1500, "large": 200}


def figures(short: bool) -> dict[str, Figure]:
    """Ticks of both models over bare `invoke`, cold start and memory over a ten-line script."""
    found: dict[str, Figure] = {}
    models = timed_models()
    for name, timed in models.items():
        found |= _ticks(name, timed, rounds=_ROUNDS[name] // (4 if short else 1))
    return found | starts(rounds=7 if short else 15)


def _ticks(name: str, timed: Timed, *, rounds: int) -> dict[str, Figure]:
    bundle = read_bundle(timed.bundle, UNVERIFIED)
    model = load_model(bundle.manifest, bundle.digest, bundle.model)
    bare = _bare(timed)
    sized, video = _frame((timed.size, timed.size)), _frame(VIDEO_WH)
    # One after the other, because a large frame would still be in the caches when it is the bare library's turn.
    sized_s = [(_seconds(lambda: run_frame(sized, model)), _seconds(bare.invoke)) for _ in range(rounds)]
    video_s = [(_seconds(lambda: run_frame(video, model)), _seconds(bare.invoke)) for _ in range(rounds // 2)]
    return {
        f"{name}_tick_over_invoke": at_most(_ratio(sized_s), TICK_GOALS[name]),
        f"{name}_overhead": Figure(median(tick - bare for tick, bare in sized_s) * 1e6, "us"),
        f"{name}_720p_tick_over_invoke": Figure(_ratio(video_s), "x"),
        f"{name}_invoke": Figure(median(bare for _, bare in sized_s) * 1e3, f"ms, median of {rounds}"),
    }


def _ratio(rounds: list[tuple[float, float]]) -> float:
    """Median over the rounds of each round's ratio: a busy moment slows down both sides of its own round only."""
    return median(tick / bare for tick, bare in rounds)


def _bare(timed: Timed) -> Interpreter:
    interpreter = Interpreter(model_path=str(timed.model), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _frame(size_wh: tuple[int, int]) -> Frame:
    width, height = size_wh
    return Frame.now("noise", 0, np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def _seconds(call: Callable[[], object]) -> float:
    """Of one call, after another of its own kind: what the contestant before it left in the caches does not count."""
    call()
    began = perf_counter()
    call()
    return perf_counter() - began


def starts(*, rounds: int) -> dict[str, Figure]:
    """From the start of the process to the first result of the small model, ours and the ten lines' in turn."""
    timed = timed_models()["small"]
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        cv2.imwrite(str(picture), _frame((640, 480)).pixels)
        run = ["-m", "edgeferry", "run", str(timed.bundle), "--source", str(picture), "--results", "-"]
        raw = ["-m", "scripts.benchmarks._raw_litert", str(timed.model), str(picture)]
        started = _cold_starts([[sys.executable, *run], [sys.executable, *raw]], rounds)
    our_first_s, our_processor_s, our_peak_kib = _medians([ours for ours, _ in started])
    first, processor, peak = _medians([[a / b for a, b in zip(*both, strict=True)] for both in started])
    more_mib = median(ours[2] - theirs[2] for ours, theirs in started) / 1024
    return {
        "cold_start_over_script": at_most(first, COLD_START_GOAL),
        "cold_start": Figure(our_first_s * 1e3, f"ms to the first result, median of {rounds}"),
        "processor_over_script": Figure(processor, "x, of the whole process"),
        "processor": Figure(our_processor_s * 1e3, "ms of processor time"),
        "memory_over_script": Figure(peak, "x"),
        "memory_more_than_script": at_most(more_mib, MORE_MEMORY_GOAL_MIB, "MiB"),
        "memory": Figure(our_peak_kib / 1024, "MiB at most resident"),
    }


def _medians(rows: Sequence[Sequence[float]]) -> list[float]:
    """By column."""
    return [median(column) for column in zip(*rows, strict=True)]


def _cold_starts(commands: list[list[str]], rounds: int) -> list[list[tuple[float, float, float]]]:
    """By round and command, what `_cold_starts.start` says. Both have compiled bytecode, as installed programs do."""
    starter = [sys.executable, "-m", "scripts.benchmarks._cold_starts", str(rounds)]
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
        done = subprocess.run(
            starter, input=json.dumps(commands), capture_output=True, text=True, check=True, env=environment
        )
    starts: list[list[tuple[float, float, float]]] = json.loads(done.stdout)
    return starts
