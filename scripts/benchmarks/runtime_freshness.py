"""How old a frame is when the model begins to look at it, and whether every frame is accounted for.

A camera of 30 frames a second with the model held at 5 a second: the newest frame is at most a thirtieth of a second
old when its turn comes, whatever waited before.
"""

from __future__ import annotations

import math

from contract.messages import FrameLedger
from contract.result import Result
from edge.runtime import Runtime
from edge.sources import open_source
from scripts.benchmarks.figure import Figure, at_most
from scripts.benchmarks.runtime_loop import loaded

AGE_GOAL_MS = 40.0
_CAMERA_FPS, _MODEL_FPS = 30, 5
_LEDGER_FRAMES = 100_000


def figures(short: bool) -> dict[str, Figure]:
    """Ages of answered frames, and the balance of a long run with drops."""
    return _ages(seconds=12 if short else 120) | _balance(_LEDGER_FRAMES // (10 if short else 1))


def _ages(seconds: int) -> dict[str, Figure]:
    ages: list[float] = []

    def note(result: Result) -> None:
        assert isinstance(result.age_ms, float)
        ages.append(result.age_ms)

    source = open_source(f"synthetic:?size=640x480&fps={_CAMERA_FPS}&frames={seconds * _CAMERA_FPS}")
    model = loaded("mobilenet_v2_1.0_224_quant")
    Runtime(model, source, on_result=note, max_frames_per_s=_MODEL_FPS).run()
    ages.sort()
    return {
        "age_p50": Figure(ages[len(ages) // 2], "ms"),
        "age_p99": at_most(ages[math.ceil(0.99 * len(ages)) - 1], AGE_GOAL_MS, f"ms, of {len(ages)} answers"),
    }


def _balance(frames: int) -> dict[str, Figure]:
    """A camera faster than the model: every frame is answered or stale, and none is missing."""
    source = open_source(f"synthetic:?size=64x48&fps=4000&frames={frames}")
    counted = 0

    def count(_: Result) -> None:
        nonlocal counted
        counted += 1

    ledger = Runtime(loaded("mobilenet_v1_0.25_128_quant"), source, on_result=count).run()
    missing = abs(ledger.captured - frames) + abs(ledger.captured - _sum(ledger)) + abs(counted - ledger.inferred)
    return {"unexplained_frames": at_most(missing, 0, f"of {frames}, {ledger.dropped.get('stale', 0)} of them stale")}


def _sum(ledger: FrameLedger) -> int:
    return ledger.inferred + ledger.gated + ledger.damaged + sum(ledger.dropped.values())
