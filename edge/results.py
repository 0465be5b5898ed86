"""Where results go on this machine: one JSON object a line for programs, one short line for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from msgspec import UNSET

from contract.codec import to_json
from contract.errors import ConfigError
from contract.result import Result

Show = Callable[[Result], None]


def json_lines(stream: IO[bytes]) -> Show:
    """Writes each result as one line, at once: whoever reads the stream is never a buffer behind."""

    def show(result: Result) -> None:
        stream.write(to_json(result) + b"\n")
        stream.flush()

    return show


@contextmanager
def appended(path: Path) -> Iterator[Show]:
    """Adds lines to the file at `path`; ConfigError where it cannot be written. A new one left empty is removed."""
    new = not path.exists()
    try:
        stream = path.open("ab")
    except OSError as problem:
        raise ConfigError(
            f"results cannot be written: {problem.strerror}", where=str(path), fix="Choose another --results FILE."
        ) from problem
    try:
        with stream:
            yield json_lines(stream)
    finally:
        if new and path.stat().st_size == 0:
            path.unlink()


def words(result: Result) -> str:
    """One line for a person: `parrot.jpg 0: macaw 0.76, lorikeet 0.08 (1.3 ms)`."""
    name = f"{result.source} {result.frame}"
    if result.error is not UNSET:
        return f"{name}: no answer, {result.error.cause} ({result.error.where}). {result.error.fix}"
    found = result.classes or result.detections or ()
    shown = ", ".join(f"{one.label} {one.score:.2f}" for one in found) or "nothing"
    if result.latency_ms is UNSET:
        return f"{name}: {shown}"
    times = result.latency_ms
    return f"{name}: {shown} ({times.preprocess + times.invoke + times.postprocess:.1f} ms)"
