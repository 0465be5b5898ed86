"""The whole way of a video's frames, against its slowest stage alone and against others who go it.

Contestants are processes of their own, one after the other in each round, so that whatever else the machine does falls
on all of them; ratios are of the same round, and their median counts. `_peers/` holds the others, `_video_bundle.py`
what they all look at. Seconds run from the first frame read to the last answer: imports and loading do not count.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarks._peers.told import EVERY, THRESHOLD
from scripts.benchmarks._peers.venv import peer_python
from scripts.benchmarks._video_bundle import VideoSet, video_set
from scripts.benchmarks.figure import Figure, at_least, at_most

TEAMS = (1, 2)
"""Interpreters that work side by side, one thread each."""
STAGE_GOAL = 0.95
"""Our throughput over that of the slowest stage alone."""
_ROOT = Path(__file__).resolve().parents[2]
_SURE = THRESHOLD + 0.15
"""Preprocessing moves scores a little; what is this sure must be found by all."""
_SAME_OVERLAP = 0.8
_LIMIT_S = 600

Told = dict[str, Any]
"""What a contestant printed, see `_peers/told.py`; `process_cpu_s` is of its whole process."""
Rounds = dict[str, list[Told]]


def figures(short: bool) -> dict[str, Figure]:
    """Ours over the slowest stage, the serial loop and MediaPipe; and what int8 brings."""
    rounds, frames = (3, 120) if short else (7, 300)
    told = contest(rounds, frames)
    found: dict[str, Figure] = {}
    for kind in ("uint8", "int8"):
        for team in TEAMS:
            found |= _against_stages(kind, team, told)
        found |= _against_peers(kind, told)
    found["int8_over_uint8"] = Figure(_ratio(*([_rate(r) for r in told[f"ours1_{k}"]] for k in ("int8", "uint8"))), "x")
    found["finding_other_things"] = at_most(len(dissenters(told)), 0, "contestants")
    return found


def contest(rounds: int, frames: int) -> Rounds:
    """What each contestant told in each round. MediaPipe is left out, and why is said, where it cannot be installed."""
    with tempfile.TemporaryDirectory() as name:
        contestants = _contestants(video_set(Path(name)), frames, Path(name))
        told: Rounds = {contestant: [] for contestant in contestants}
        order = list(contestants)
        for _ in range(rounds):
            for contestant in order:
                told[contestant].append(contestants[contestant]())
            # Another begins each round, so that nobody always runs after the same one.
            order.append(order.pop(0))
    return told


def dissenters(told: Rounds) -> list[str]:
    """The contestants that miss a thing which the serial loop is sure of, or are sure of one it misses."""
    yardstick = told["serial_uint8"][0]["detections"]
    found = []
    for name, rows in told.items():
        theirs = rows[0]["detections"]
        if "detect" in rows[0]["does"] and not (_holds(theirs, yardstick) and _holds(yardstick, theirs)):
            found.append(name)
    return found


def _contestants(given: VideoSet, frames: int, folder: Path) -> dict[str, Callable[[], Told]]:
    """By name, what runs each once. A stage is timed alone; the others detect."""
    shared = ["--video", str(given.video), "--labels", str(given.labels), "--frames", str(frames)]
    found: dict[str, Callable[[], Told]] = {}

    def peer(name: str, python: Path | str, program: str, kind: str, *more: str) -> None:
        module = f"scripts.benchmarks._peers.{program}"
        command = [str(python), "-m", module, *shared, "--model", str(given.models[kind]), *more]
        does = "one stage" if program == "stages" else "detect"
        found[name] = lambda: {**_run(command), "does": does}

    for stage in ("decode", "preprocess"):
        peer(stage, sys.executable, "stages", "uint8", "--stage", stage)
    for kind in ("uint8", "int8"):
        peer(f"serial_{kind}", sys.executable, "serial_opencv", kind)
        for team in TEAMS:
            more = ["--stage", "invoke", "--interpreters", str(team)]
            peer(f"invoke{team}_{kind}", sys.executable, "stages", kind, *more)
            found[f"ours{team}_{kind}"] = _ours(given, kind, frames, team, folder / f"{kind}.jsonl")
    others = peer_python()
    if others.path is None:
        sys.stderr.write(f"Without MediaPipe: {others.reason}\n")
    else:
        peer("mediapipe_uint8", others.path, "mediapipe_detector", "uint8")
    return found


def _ours(given: VideoSet, kind: str, frames: int, team: int, results: Path) -> Callable[[], Told]:
    """The command a person types, on the bundle of the same model."""
    command = [sys.executable, "-m", "edgeferry", "run", str(given.bundles[kind]), "--source", str(given.video)]
    command += ["--max-frames", str(frames), "--workers", str(team), "--results", str(results), "--json"]

    def run() -> Told:
        results.unlink(missing_ok=True)
        told = _run(command)
        rows = [json.loads(line) for line in results.read_text().splitlines()]
        detections = [{**one, "frame": row["frame"]} for row in rows[::EVERY] for one in row.get("detections", ())]
        return {**told, "frames": len(rows), "detections": detections, "does": "detect"}

    return run


def _run(command: list[str]) -> Told:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_LIMIT_S, cwd=_ROOT, env=dict(os.environ)
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended {done.returncode}: {done.stderr[-500:]}")
    told: Told = json.loads(done.stdout.splitlines()[-1])
    told["process_cpu_s"] = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return told


def _against_stages(kind: str, team: int, told: Rounds) -> dict[str, Figure]:
    """Our frames per second over those of the slowest stage alone; of a team, over what all cores together could do.

    A team may keep every core busy with inference, and decoding needs some of them: then no stage alone is the limit.
    """
    name = f"{kind}_{team}_interpreter{'s'[: team - 1]}"
    ours = [_rate(row) for row in told[f"ours{team}_{kind}"]]
    stages = [told["decode"], told["preprocess"], told[f"invoke{team}_{kind}"]]
    slowest = [min(_rate(stage) for stage in row) for row in zip(*stages, strict=True)]
    found = {f"{name}_frames": Figure(median(ours), f"frames/s, median of {len(ours)} rounds")}
    if team == 1:
        # The goal is for the detector as it came; with int8 kernels what surrounds the inference weighs twice as much.
        share = _ratio(ours, slowest)
        figure = at_least(share, STAGE_GOAL) if kind == "uint8" else Figure(share, "x")
        return found | {f"{name}_over_slowest_stage": figure}
    work = [told["decode"], told["preprocess"], told[f"invoke1_{kind}"]]
    cores = len(os.sched_getaffinity(0))
    together = [cores / sum(1.0 / _rate(stage) for stage in row) for row in zip(*work, strict=True)]
    limit = [min(both) for both in zip(slowest, together, strict=True)]
    return found | {f"{name}_over_limit": Figure(_ratio(ours, limit), "x, of what the stages and cores allow")}


def _against_peers(kind: str, told: Rounds) -> dict[str, Figure]:
    """Frames per second, and processor time a frame, of the largest team with the same model."""
    found = {}
    ours = told[f"ours{TEAMS[-1]}_{kind}"]
    for peer in ("serial", "mediapipe"):
        theirs = told.get(f"{peer}_{kind}")
        if theirs is not None:
            found[f"{kind}_over_{peer}"] = at_least(_ratio(map(_rate, ours), map(_rate, theirs)), 1.0)
            cpu = _ratio((row["process_cpu_s"] for row in ours), (row["process_cpu_s"] for row in theirs))
            found[f"{kind}_processor_over_{peer}"] = Figure(cpu, "x, of the whole process")
    return found


def _rate(told: Told) -> float:
    return float(told["frames_per_s"])


def _ratio(ours: Iterable[float], theirs: Iterable[float]) -> float:
    """Median over the rounds of each round's ratio."""
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def _holds(found: list[Told], known: list[Told]) -> bool:
    """Whether `found` has each thing that `known` is sure of, in its place."""
    sure = (one for one in known if one["score"] >= _SURE)
    return all(any(_same(one, other) for other in found) for one in sure)


def _same(one: Told, other: Told) -> bool:
    if (one["frame"], one["label"]) != (other["frame"], other["label"]):
        return False
    a, b = one["box_xyxy_px"], other["box_xyxy_px"]
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return bool(shared / (areas - shared) > _SAME_OVERLAP)
