"""What runs in the process of a probe: a stranger's model is opened, described, and run a few times.

Started by `converters/probe.py`, which waits with a time limit; only here is the library of the model's kind imported.
The file `stage` says how far it came, for the case that it comes no further.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from contract.codec import from_json, to_json
from contract.errors import FerryError, ModelError
from contract.manifest import TensorSpec
from converters.jobs import QUIET
from converters.probe_talk import ANSWERS, FEEDS, JOB, RESULT, STAGE, TROUBLE, Hints, ProbeJob, Seen
from edge.trouble import Trouble

Tensors = dict[str, NDArray[np.generic]]
ROUNDS = 3
"""Of made-up numbers, where no frames are given: zeros first, then two of noise."""
_MOST_ADDRESSES_BYTES = 24 << 30
"""TensorFlow maps several GiB without using them. A file that declares a tensor of a terabyte ends here, and not in
the machine's memory."""


class Opened(NamedTuple):
    """A model of any kind, ready to run."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    hints: Hints
    run: Callable[[Mapping[str, NDArray[np.generic]]], Tensors]


def look(folder: str, _: bytes) -> None:
    """Do the job in `folder` and leave there what was seen, or the error's words."""
    os.environ.update(QUIET)
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = _MOST_ADDRESSES_BYTES if most == resource.RLIM_INFINITY else min(_MOST_ADDRESSES_BYTES, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    here = Path(folder)
    try:
        _look(here)
    except FerryError as problem:
        (here / TROUBLE).write_bytes(to_json(Trouble.of(problem)))
        raise


def _look(here: Path) -> None:
    job = from_json((here / JOB).read_bytes(), ProbeJob, where=str(here / JOB), error=ModelError)
    stage = here / STAGE
    stage.write_text("opened")
    try:
        opened = _open(job)
        _check(opened, job.origin)
        stage.write_text("run")
        answers = _answers(opened, here)
    except MemoryError as problem:
        raise ModelError(
            "it asks for more memory than this machine gives a model", where=job.origin, fix="Use a smaller model."
        ) from problem
    stage.write_text("read")
    by_place: dict[str, Any] = {str(place): answers[spec.name] for place, spec in enumerate(opened.outputs)}
    np.savez(here / ANSWERS, **by_place)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seen = Seen(inputs=opened.inputs, outputs=opened.outputs, hints=opened.hints, peak_bytes=peak_bytes)
    (here / RESULT).write_bytes(to_json(seen))


def _open(job: ProbeJob) -> Opened:
    if job.kind == "tflite":
        from converters.sources.tflite_file import open_tflite

        return open_tflite(Path(job.model), job.origin)
    if job.kind == "onnx":
        from converters.sources.onnx_file import open_onnx

        return open_onnx(Path(job.model), job.origin)
    from converters.sources.tensorflow_files import open_keras, open_saved_model

    opening = open_keras if job.kind == "keras" else open_saved_model
    return opening(Path(job.model), job.origin, job.size_wh)


def _check(opened: Opened, origin: str) -> None:
    for words, specs in (("input", opened.inputs), ("output", opened.outputs)):
        if not specs:
            raise ModelError(f"it has no {words}", where=origin, fix="Give a model that takes and answers something.")
        empty = next((spec for spec in specs if 0 in spec.shape), None)
        if empty is not None:
            raise ModelError(
                f"{words} {empty.name!r} has no fixed size, here {list(empty.shape)}",
                where=origin,
                fix="Export the model with fixed sizes.",
            )
        twice = {spec.name for spec in specs if [other.name for other in specs].count(spec.name) > 1}
        if twice:
            raise ModelError(
                f"two {words}s are called {min(twice)!r}", where=origin, fix="Export the model with names of their own."
            )


def _answers(opened: Opened, here: Path) -> Tensors:
    """(n, *shape) by output: to the frames in `FEEDS` where there are any, else to made-up ones."""
    feeds = _given(here) or made_up(opened.inputs)
    found = [opened.run(feed) for feed in feeds]
    for answer in found:
        for spec in opened.outputs:
            if answer[spec.name].shape != spec.shape:
                raise ModelError(
                    f"output {spec.name!r} has no fixed size: {list(spec.shape)}, then {list(answer[spec.name].shape)}",
                    where="its answers",
                    fix="Export the model with fixed sizes.",
                )
    return {spec.name: np.stack([answer[spec.name] for answer in found]) for spec in opened.outputs}


def _given(here: Path) -> list[Tensors]:
    path = here / FEEDS
    if not path.is_file():
        return []
    with np.load(path, allow_pickle=False) as stored:
        names = msgspec.json.decode(stored["names"].tobytes(), type=list[str])
        rows = [stored[str(place)] for place in range(len(names))]
    return [dict(zip(names, row, strict=True)) for row in zip(*rows, strict=True)]


def made_up(inputs: tuple[TensorSpec, ...]) -> list[Tensors]:
    """The same numbers every time; whole numbers of 32 bits and more may be places in a table, and stay 0."""
    random = np.random.default_rng(7)
    feeds: list[Tensors] = [{spec.name: np.zeros(spec.shape, spec.dtype) for spec in inputs}]
    feeds += [{spec.name: _noise(spec, random) for spec in inputs} for _ in range(ROUNDS - 1)]
    return feeds


def _noise(spec: TensorSpec, random: np.random.Generator) -> NDArray[np.generic]:
    kind = np.dtype(spec.dtype)
    if kind.kind == "f":
        return random.random(spec.shape).astype(kind)
    if kind.itemsize > 2:
        return np.zeros(spec.shape, kind)
    limits = np.iinfo(kind)
    return random.integers(limits.min, limits.max, spec.shape, kind, endpoint=True)
