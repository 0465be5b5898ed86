"""What isolation costs a frame, and how soon a worker that was killed or hangs is replaced.

Faults are real signals to real workers, at moments drawn with a fixed seed, while frames keep coming.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import time
from pathlib import Path
from statistics import median

import numpy as np

from contract.errors import BackendError
from edge.bundles import UNVERIFIED, read_bundle
from edge.crashes import Crashes
from edge.frames import Pixels
from edge.isolated import IsolatedModel, load_isolated
from edge.model import LoadedModel, load_model
from scripts.benchmarks._timed_models import Timed, timed_models
from scripts.benchmarks.figure import Figure, at_most

BACK_WITHIN_S = 2.0
HOP_GOAL_MS = 0.3
_FAULTS = (signal.SIGABRT, signal.SIGSEGV, signal.SIGILL, signal.SIGSTOP, signal.SIGKILL)
_HOP_ROUNDS = 400
_GIVE_UP_S = 60.0
_SEED = 20


def figures(short: bool) -> dict[str, Figure]:
    """Recovery with and without a standby, leaks, and the hop of a 720p frame."""
    timed = timed_models()["small"]
    faults = 20 if short else 200
    return {
        **_hop(timed, _HOP_ROUNDS // (4 if short else 1)),
        **_recovery(timed, faults, standby=False),
        **_recovery(timed, faults // 4, standby=True),
    }


def _hop(timed: Timed, rounds: int) -> dict[str, Figure]:
    """Both models in turn, each call after another of its own kind; the median of the differences."""
    bundle, frame = read_bundle(timed.bundle, UNVERIFIED), _frame()
    here = load_model(bundle.manifest, bundle.digest, bundle.model)
    there = load_isolated(bundle.manifest, bundle.digest, bundle.model)
    apart_ms = []
    for _ in range(rounds):
        here_ms, there_ms = (_answer_ms(model, frame) for model in (here, there))
        apart_ms.append(there_ms - here_ms)
    here.close()
    there.close()
    return {"worker_hop": at_most(median(apart_ms), HOP_GOAL_MS, f"ms on a 720p frame, median of {rounds}")}


def _recovery(timed: Timed, faults: int, *, standby: bool) -> dict[str, Figure]:
    bundle, frame, chance = read_bundle(timed.bundle, UNVERIFIED), _frame(), random.Random(_SEED)
    before = _held()
    model = load_isolated(bundle.manifest, bundle.digest, bundle.model, standby=standby)
    # So many faults are meant to be borne here.
    model.backend.crashes = Crashes(most=faults)
    times_s: dict[signal.Signals, list[float]] = {fault: [] for fault in _FAULTS}
    lost = 0
    for number in range(faults):
        for _ in range(chance.randrange(1, 20)):
            model.answer(frame)
        fault = _FAULTS[number % len(_FAULTS)]
        back_s, errors = _struck(model, fault, frame)
        times_s[fault].append(back_s)
        lost += errors
        # A standby needs a while to be loaded again.
        time.sleep(1.0 if standby else chance.random() * 0.05)
    workers = set(_children())
    model.close()
    del model
    left = len(workers & set(_children())) + sum(abs(a - b) for a, b in zip(_held(), before, strict=True))
    every = [one for times in times_s.values() for one in times]
    crashed = [one for fault, times in times_s.items() if fault != signal.SIGSTOP for one in times]
    name = "standby" if standby else "worker"
    return {
        f"{name}_back_after_crash": Figure(median(crashed), f"s, median of {len(crashed)}"),
        f"{name}_back_after_hang": Figure(median(times_s[signal.SIGSTOP]), "s, median, with the second until noticed"),
        f"{name}_back_at_worst": at_most(max(every), BACK_WITHIN_S, f"s, of {faults} faults"),
        f"{name}_frames_lost_a_fault": Figure(lost / faults, "frames, asked for one after the other"),
        f"{name}_left_behind": at_most(left, 0, "processes, descriptors and shared memories"),
    }


def _struck(model: IsolatedModel, fault: signal.Signals, frame: Pixels) -> tuple[float, int]:
    """Seconds from the fault to the replacement's first answer, and the frames without one until then."""
    pid = model.backend.pid
    assert pid is not None
    errors = 0
    began = time.perf_counter()
    os.kill(pid, fault)
    while time.perf_counter() - began < _GIVE_UP_S:
        answered = _answers(model, frame)
        errors += not answered
        # A worker may still give an answer between the signal and its end.
        if answered and model.backend.pid != pid:
            return time.perf_counter() - began, errors
    raise RuntimeError(f"no answer {_GIVE_UP_S:g} s after {fault.name}")


def _answers(model: IsolatedModel, frame: Pixels) -> bool:
    try:
        model.answer(frame)
    except BackendError:
        return False
    return True


def _answer_ms(model: LoadedModel, frame: Pixels) -> float:
    model.answer(frame)
    began = time.perf_counter()
    model.answer(frame)
    return (time.perf_counter() - began) * 1e3


def _frame() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)


def _held() -> tuple[int, int]:
    """Open descriptors and named shared memories."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir())), len(list(Path("/dev/shm").iterdir()))  # nosec B108  # only counted


def _children() -> list[int]:
    """Of this process, the dead ones nobody waited for included."""
    tasks = Path("/proc/self/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
