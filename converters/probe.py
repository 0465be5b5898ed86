"""Opens and runs a stranger's model once in a process of its own, because it may take that process with it.

A damaged shape aborts the interpreter, a driver ends in SIGSEGV, a loop never ends: no exception can be caught there.
What the process does stands in `converters/probe_child.py`; how it is started and killed, in `edge/backends/probe.py`.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from contract.codec import from_json, to_json
from contract.errors import FerryError, MissingPartError, ModelError
from contract.manifest import TensorSpec
from converters.probe_talk import ANSWERS, FEEDS, JOB, RESULT, STAGE, TROUBLE, Hints, ProbeJob, Seen
from converters.source import SourceKind
from edge.backends.probe import why_not
from edge.trouble import Trouble

DEADLINE_S = 60.0
"""For opening it and a few runs."""
_START_S: dict[SourceKind, float] = {"tflite": 0.0, "onnx": 0.0, "keras": 120.0, "saved-model": 120.0}
"""What the library's own start may take beside that: TensorFlow's takes 5 s, and 25 on a busy machine."""
_OUT_OF_MEMORY = signal.SIGKILL.name


@dataclass(frozen=True, slots=True)
class Probed:
    """A model that opens and answers."""

    inputs: tuple[TensorSpec, ...]
    """With batch 1."""
    outputs: tuple[TensorSpec, ...]
    """In the model's own order."""
    hints: Hints
    answers: dict[str, NDArray[np.generic]]
    """(n, *shape) by output, as the model gives them."""
    peak_bytes: int
    """Most memory of the process that ran it."""


def probe(
    kind: SourceKind,
    model: Path,
    *,
    origin: str,
    feeds: Mapping[str, NDArray[np.generic]] | None = None,
    size_wh: tuple[int, int] | None = None,
    deadline_s: float = DEADLINE_S,
) -> Probed:
    """What `model` is, and what it answers to `feeds`: (n, *shape) by input, or made-up numbers.

    Raises ModelError saying what is wrong with it, or how its process ended and what it was doing then;
    MissingPartError without the library for its kind.
    """
    with TemporaryDirectory(prefix="edgeferry-probe-") as scratch:
        folder = Path(scratch)
        job = ProbeJob(kind=kind, model=str(model.resolve()), origin=origin, size_wh=size_wh)
        (folder / JOB).write_bytes(to_json(job))
        if feeds is not None:
            _write_feeds(folder, feeds)
        ending = why_not("converters.probe_child:look", scratch, deadline_s=deadline_s + _START_S[kind])
        if ending is not None:
            raise _failure(folder, ending, origin)
        return _result(folder)


def _write_feeds(folder: Path, feeds: Mapping[str, NDArray[np.generic]]) -> None:
    """By place: names of tensors are not names of files."""
    names = np.frombuffer(msgspec.json.encode(list(feeds)), np.uint8)
    arrays: dict[str, Any] = {str(place): array for place, array in enumerate(feeds.values())}
    np.savez(folder / FEEDS, names=names, **arrays)


def _result(folder: Path) -> Probed:
    seen = from_json((folder / RESULT).read_bytes(), Seen, where=str(folder / RESULT), error=ModelError)
    with np.load(folder / ANSWERS, allow_pickle=False) as stored:
        answers = {spec.name: stored[str(place)] for place, spec in enumerate(seen.outputs)}
    return Probed(seen.inputs, seen.outputs, seen.hints, answers, seen.peak_bytes)


def _failure(folder: Path, ending: str, origin: str) -> FerryError:
    """The error the process left, or its end in words: `ending` as `edge.backends.probe.why_not` says it."""
    left = folder / TROUBLE
    if left.is_file():
        return from_json(left.read_bytes(), Trouble, where=origin, error=ModelError).as_error()
    stage = folder / STAGE
    doing = stage.read_text() if stage.is_file() else "looked for"
    if ending.startswith("No module named"):
        return MissingPartError(ending, where=origin, fix="pip install 'edgeferry[converters]'")
    memory = ", most likely because memory ran out" if _OUT_OF_MEMORY in ending else ""
    return ModelError(
        f"{ending} while it was {doing}{memory}",
        where=origin,
        fix="Export the model anew; if it is sound, try it with the library it was made with.",
    )
