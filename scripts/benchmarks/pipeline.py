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
from collections.abc import Callable
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
        found |= _ticks(name, timed, rounds={"small": 400, "large": 60}[name] // (4 if short else 1))
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
    rounds_s = [{one: median(_block(call)) for one, call in contestants.items()} for _ in range(rounds)]
    return {
        f"{name}_tick_over_invoke": at_most(_ratio(rounds_s, "sized"), TICK_GOALS[name]),
        f"{name}_overhead": Figure(median(took["sized"] - took["bare"] for took in rounds_s) * 1e6, "us"),
        f"{name}_720p_tick_over_invoke": Figure(_ratio(rounds_s, "video"), "x"),
        f"{name}_invoke": Figure(median(took["bare"] for took in rounds_s) * 1e3, f"ms, {rounds} x {_BLOCK - 1} calls"),
    }


def _ratio(rounds_s: list[dict[str, float]], contestant: str) -> float:
    """Median over the rounds of each round's ratio: a busy second slows down both sides of its own round only."""
    return median(took[contestant] / took["bare"] for took in rounds_s)


def _bare(timed: Timed) -> Interpreter:
    interpreter = Interpreter(model_path=str(timed.model), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _frame(size_wh: tuple[int, int]) -> Frame:
    width, height = size_wh
    return Frame.now("noise", 0, np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def _block(call: Callable[[], object]) -> list[float]:
    """Seconds of each call but the first."""
    took = []
    for _ in range(_BLOCK):
        began = perf_counter()
        call()
        took.append(perf_counter() - began)
    return took[1:]


def _starts(timed: Timed, *, rounds: int) -> dict[str, Figure]:
    """From the start of the process to the first result, ours and the ten lines' in turn."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        cv2.imwrite(str(picture), _frame((640, 480)).pixels)
        run = ["-m", "edgeferry", "run", str(timed.bundle), "--source", str(picture), "--results", "-"]
        raw = ["-m", "scripts.benchmarks._raw_litert", str(timed.model), str(picture)]
        starts = _cold_starts([[sys.executable, *run], [sys.executable, *raw]], rounds)
    our_s = median(ours[0] for ours, _ in starts)
    our_kib, raw_kib = median(ours[1] for ours, _ in starts), median(raw[1] for _, raw in starts)
    return {
        "cold_start_over_script": at_most(median(ours[0] / raw[0] for ours, raw in starts), COLD_START_GOAL),
        "cold_start": Figure(our_s * 1e3, f"ms to the first result, median of {rounds}"),
        "memory_over_script": Figure(our_kib / raw_kib, "x"),
        "memory": Figure(our_kib / 1024, "MiB at most resident"),
    }


def _cold_starts(commands: list[list[str]], rounds: int) -> list[list[tuple[float, int]]]:
    """By round and command: seconds, and KiB. With compiled bytecode for both, as any installed program has."""
    starter = [sys.executable, "-m", "scripts.benchmarks._cold_starts", str(rounds)]
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
        done = subprocess.run(
            starter, input=json.dumps(commands), capture_output=True, text=True, check=True, env=environment
        )
    starts: list[list[tuple[float, int]]] = json.loads(done.stdout)
    return starts
