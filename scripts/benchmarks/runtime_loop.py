"""What the loop adds to the inference library, on two public models: time of a tick, start, memory, and growth.

A tick is what the loop does for a frame that has the model's size already: take it from its slot, prepare, invoke,
decode, account, publish to a queue. It is timed in turn with the bare interpreter, in one process, with one thread.
"""

from __future__ import annotations

import gc
import math
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from time import perf_counter

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from contract.result import Result
from edge.backends import open_backend
from edge.desk import Desk, Seat
from edge.frames import Frame
from edge.memory import resident_bytes
from edge.model import LoadedModel
from edge.opencv import cv2
from edge.pace import Pace
from edge.runtime import Runtime
from edge.stand_in import stand_in_manifest
from scripts.benchmarks.figure import Figure, at_most
from scripts.benchmarks.pipeline import starts

MODELS = Path("/work/shared/data/models/tflite")
TICK_GOALS = {"mobilenet_v1_0.25_128_quant": 1.05, "mobilenet_v2_1.0_224_quant": 1.01}
TAIL_GOAL = 1.10
GROWTH_GOAL_MIB = 1.0
_ROUNDS = {"mobilenet_v1_0.25_128_quant": 10_000, "mobilenet_v2_1.0_224_quant": 1000}
_SOAK_FRAMES = 200_000
_MIB = 1 << 20


def figures(short: bool) -> dict[str, Figure]:
    """Everything about one camera and one model in one process."""
    share = 10 if short else 1
    found: dict[str, Figure] = {}
    for name, goal in TICK_GOALS.items():
        found |= _ticks(name, goal, rounds=_ROUNDS[name] // share)
    return found | starts(rounds=7 if short else 15) | _growth(_SOAK_FRAMES // share)


def _ticks(name: str, goal: float, *, rounds: int) -> dict[str, Figure]:
    model = loaded(name)
    bare = Interpreter(model_path=str(MODELS / f"{name}.tflite"), num_threads=1)
    bare.allocate_tensors()
    tick, least = Tick(model), Least(name)
    gc.collect()
    gc.freeze()
    pairs = [(_seconds(tick), _seconds(bare.invoke), _seconds(least)) for _ in range(rounds)]
    ours, theirs = sorted(pair[0] for pair in pairs), sorted(pair[1] for pair in pairs)
    # Each side's own percentile: a pair's ratio would say nothing about tails.
    tail = ours[math.ceil(0.99 * rounds) - 1] / theirs[math.ceil(0.99 * rounds) - 1]
    return {
        f"{name}.tick_over_invoke": at_most(median(a / b for a, b, _ in pairs), goal),
        f"{name}.tick_p99_over_invoke_p99": at_most(tail, TAIL_GOAL),
        f"{name}.added": Figure(median(a - b for a, b, _ in pairs) * 1e6, "us"),
        f"{name}.least_over_invoke": Figure(median(c / b for _, b, c in pairs), "x, the barest Python for the same"),
        f"{name}.invoke": Figure(median(theirs) * 1e3, f"ms, median of {rounds}"),
    }


class Tick:
    """The loop's own work on one frame, with a slot that is filled by hand instead of by a capture's thread."""

    def __init__(self, model: LoadedModel) -> None:
        width, height = model.manifest.preprocessing.size_wh
        pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        self._frame = Frame.now("noise", 0, pixels)
        self._slot = _Slot(self._frame)
        self._published: SimpleQueue[Result] = SimpleQueue()
        self._runtime = Runtime(model, _NoSource(), on_result=self._published.put)
        lock = threading.RLock()
        seat = Seat(self._slot, Pace(None))  # type: ignore[arg-type]
        self._runtime._desk = Desk(threading.Condition(lock), lock, [seat])

    def __call__(self) -> None:
        """One frame."""
        self._slot.ready = True
        self._runtime._step()
        self._published.get_nowait()


class Least:
    """The barest Python that does the same for one frame: colours into the tensor, invoke, five best. The limit."""

    def __init__(self, name: str) -> None:
        interpreter = Interpreter(model_path=str(MODELS / f"{name}.tflite"), num_threads=1)
        interpreter.allocate_tensors()
        picture, scores = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        self._interpreter, self._view = interpreter, interpreter.tensor(picture["index"])
        self._scores = scores["index"]
        self._pixels = np.random.default_rng(0).integers(0, 256, picture["shape"][1:], np.uint8)

    def __call__(self) -> None:
        """One frame."""
        cv2.cvtColor(self._pixels, cv2.COLOR_BGR2RGB, dst=self._view()[0])
        self._interpreter.invoke()
        row = self._interpreter.get_tensor(self._scores)[0]
        for _ in range(5):
            row[row.argmax()] = 0


class _Slot:
    """A capture whose frame is always the same one."""

    over = False
    ready = True

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def pop(self) -> Frame:
        self.ready = False
        return self._frame


class _NoSource:
    """Stands where a camera would; never read."""

    name, live = "noise", True

    def read(self, timeout_s: float) -> Frame | None:
        return None

    def close(self) -> None:
        """Nothing is held."""


def loaded(name: str) -> LoadedModel:
    path = MODELS / f"{name}.tflite"
    backend = open_backend("tflite", path)
    return LoadedModel(stand_in_manifest(backend, "tflite", name), "", backend)


def _seconds(call: Callable[[], object]) -> float:
    """Of one call, after another of its own kind: what the contestant before it left in the caches does not count."""
    call()
    began = perf_counter()
    call()
    return perf_counter() - began


def _growth(frames: int) -> dict[str, Figure]:
    """Resident memory after so many frames, over that after the first tenth of them."""
    tick = Tick(loaded("mobilenet_v1_0.25_128_quant"))
    for _ in range(frames // 10):
        tick()
    gc.collect()
    before = resident_bytes()
    for _ in range(frames):
        tick()
    gc.collect()
    grown = (resident_bytes() - before) / _MIB
    return {"growth": at_most(grown, GROWTH_GOAL_MIB, f"MiB over {frames} frames")}
