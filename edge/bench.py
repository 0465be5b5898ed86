"""`edgeferry bench`: what a model costs on this machine, and what we add to it.

The bare inference and the whole tick (frame to result) are timed in turn, in one process, so that whatever else the
machine does falls on both.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from msgspec import UNSET, Struct

from contract.digest import digest_of
from contract.dsse import Verifier
from contract.errors import ModelError
from contract.messages import Percentiles
from contract.result import StageTimes
from edge.backends import SUFFIXES, describe, open_backend
from edge.bundles import read_bundle
from edge.frames import Frame, Numbers
from edge.loading import Loading
from edge.memory import resident_bytes
from edge.model import LoadedModel
from edge.pipeline import run_frame
from edge.sources import open_source
from edge.stand_in import stand_in_manifest
from edge.telemetry import percentiles, stage_percentiles

_WARM_UP = 10
_COLD_STARTS = 5
_SOURCE = "synthetic:?size=1280x720"
_NO_SOURCE = "zeros"
"""For models that are fed numbers, of which there is no pattern to make up."""
_STARTS_ANEW = 8
"""Frames kept in memory and gone through in turn, so that reading the source is not timed."""


class BenchReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `edgeferry bench --json` prints; times in milliseconds."""

    model: str
    backend: str
    threads: int
    frames: int
    source: str
    bare: Percentiles
    """The inference library alone, its input in place."""
    tick: Percentiles
    """A frame in memory to its result."""
    tick_over_bare: float
    """Ratio of the medians."""
    stages: dict[str, Percentiles]
    load_ms: float
    """Opening the model, in a process that runs already."""
    cold_start_ms: float | None = None
    """Median, from starting `edgeferry run` to its end after one picture; of bundles fed pictures only."""
    rss_bytes: int


def bench(
    path: Path, trusted: Mapping[str, Verifier], *, source: str | None, loading: Loading, frames: int
) -> tuple[BenchReport, dict[str, list[float]]]:
    """Time a bundle, or a bare `.tflite` or `.onnx` file, on `frames` frames; also every time, in milliseconds."""
    began = perf_counter()
    model, is_bundle = _loaded(path, trusted, loading)
    load_ms = (perf_counter() - began) * 1e3
    of_numbers = model.manifest.preprocessing.of_numbers
    source = source or (_NO_SOURCE if of_numbers else _SOURCE)
    kept = _zeros(model) if source == _NO_SOURCE else _frames(source, min(frames, _STARTS_ANEW))
    bare, ticks, stages = _timed(model, kept, frames)
    report = BenchReport(
        model=model.release if is_bundle else path.name,
        backend=model.backend.name,
        threads=describe(model.backend).threads or loading.threads or 1,
        frames=frames,
        source=source,
        bare=percentiles(bare),
        tick=percentiles(ticks),
        tick_over_bare=median(ticks) / median(bare),
        stages=stage_percentiles(stages),
        load_ms=load_ms,
        cold_start_ms=_cold_start_ms(path) if is_bundle and not of_numbers else None,
        rss_bytes=resident_bytes(),
    )
    return report, {"bare": bare, "tick": ticks}


def report_words(report: BenchReport) -> str:
    """A few lines for a person."""
    rows = {"bare": report.bare, "tick": report.tick, **report.stages}
    lines = [f"{report.model} on {report.backend}, {report.threads} thread(s), {report.frames} frames"]
    lines += [f"  {name:<12} p50 {p.p50:8.3f} ms  p95 {p.p95:8.3f} ms  p99 {p.p99:8.3f} ms" for name, p in rows.items()]
    lines += [f"  tick / bare  {report.tick_over_bare:.3f}", f"  model load   {report.load_ms:.0f} ms"]
    if report.cold_start_ms is not None:
        lines.append(f"  cold start   {report.cold_start_ms:.0f} ms")
    lines.append(f"  memory       {report.rss_bytes / 1024**2:.0f} MiB")
    return "\n".join(lines)


def _loaded(path: Path, trusted: Mapping[str, Verifier], loading: Loading) -> tuple[LoadedModel, bool]:
    """The model, and whether it came as a bundle."""
    format = SUFFIXES.get(path.suffix.lower())
    if format is None:
        bundle = read_bundle(path, trusted)
        return loading.open(bundle.manifest, bundle.digest, bundle.model), True
    if not path.is_file():
        raise ModelError("there is no such model file", where=str(path), fix="Check the path.")
    probe = open_backend(format, path, device=loading.device)
    manifest = stand_in_manifest(probe, format, path.name)
    probe.close()
    return loading.open(manifest, digest_of(path.read_bytes()), path), False


def _zeros(model: LoadedModel) -> list[Frame]:
    length = sum(prod(spec.shape) for spec in model.manifest.fed_inputs)
    return [Frame.of_numbers(_NO_SOURCE, 0, Numbers(np.zeros(length)))]


def _frames(text: str, wanted: int) -> list[Frame]:
    source = open_source(text)
    try:
        frames = [frame for _ in range(wanted) if (frame := source.read(10.0)) is not None and frame.error is None]
    finally:
        source.close()
    if not frames:
        raise ModelError("there is no frame to time it with", where=text, fix="Choose another --source.")
    return frames


def _timed(model: LoadedModel, kept: list[Frame], frames: int) -> tuple[list[float], list[float], list[StageTimes]]:
    """Milliseconds of the bare inference and of the whole tick, in turn, and the tick's stages."""
    bare: list[float] = []
    ticks: list[float] = []
    stages: list[StageTimes] = []
    for number in range(-_WARM_UP, frames):
        frame = kept[number % len(kept)]
        began = perf_counter()
        result = run_frame(frame, model)
        ticked = perf_counter()
        model.backend.infer({})
        done = perf_counter()
        if number >= 0 and result.latency_ms is not UNSET:
            bare.append((done - ticked) * 1e3)
            ticks.append((ticked - began) * 1e3)
            stages.append(result.latency_ms)
    return bare, ticks, stages


def _cold_start_ms(bundle: Path) -> float:
    command = [
        sys.executable,
        "-m",
        "edgeferry",
        "run",
        str(bundle),
        "--source",
        "synthetic:?frames=1",
        "--results",
        "-",
    ]
    return median(_ms(lambda: subprocess.run(command, capture_output=True, check=False)) for _ in range(_COLD_STARTS))


def _ms(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1e3
