"""Where results go on this machine: one JSON object a line for programs, one short line for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

from msgspec import UNSET, Struct

from contract.codec import to_json
from contract.errors import ConfigError
from contract.result import Result, SceneEvent

Show = Callable[[Result], None]


class EventLine(Struct, frozen=True, kw_only=True):
    """One event and the frame it was seen on."""

    source: str
    frame: int
    event: SceneEvent


def event_lines(stream: IO[bytes]) -> Show:
    """Writes what happened in the scene, one event a line with its `source` and `frame` and nothing of the clock."""

    def show(result: Result) -> None:
        if result.events is UNSET:
            return
        for event in result.events:
            stream.write(to_json(EventLine(source=result.source, frame=result.frame, event=event)) + b"\n")
        stream.flush()

    return show


def json_lines(stream: IO[bytes]) -> Show:
    """Writes each result as one line, at once: whoever reads the stream is never a buffer behind."""

    def show(result: Result) -> None:
        stream.write(to_json(result) + b"\n")
        stream.flush()

    return show


def appended(path: Path) -> AbstractContextManager[Show]:
    """Adds results to the file at `path`; ConfigError where it cannot be written. A new one left empty is removed."""
    return _appended(path, json_lines, "--results")


def appended_events(path: Path) -> AbstractContextManager[Show]:
    """The same for events alone."""
    return _appended(path, event_lines, "--events")


@contextmanager
def _appended(path: Path, lines: Callable[[IO[bytes]], Show], option: str) -> Iterator[Show]:
    new = not path.exists()
    try:
        stream = path.open("ab")
    except OSError as problem:
        raise ConfigError(
            f"results cannot be written: {problem.strerror}", where=str(path), fix=f"Choose another {option} FILE."
        ) from problem
    try:
        with stream:
            yield lines(stream)
    finally:
        if new and path.stat().st_size == 0:
            path.unlink()


def words(result: Result) -> str:
    """One line for a person: `parrot.jpg 0: macaw 0.76, lorikeet 0.08 (1.3 ms)`."""
    name = f"{result.source} {result.frame}"
    if result.error is not UNSET:
        return f"{name}: no answer, {result.error.cause} ({result.error.where}). {result.error.fix}"
    shown = ", ".join(_answers(result)) or "nothing"
    if result.latency_ms is UNSET:
        return f"{name}: {shown}"
    times = result.latency_ms
    return f"{name}: {shown} ({times.preprocess + times.invoke + times.postprocess:.1f} ms)"


def _answers(result: Result) -> Iterator[str]:
    for found in result.classes or result.detections or result.keypoints or ():
        yield f"{found.label} {found.score:.2f}"
    for segment in result.segments or ():
        yield f"{segment.label} {segment.share:.0%}"
    for value in result.values or ():
        yield f"{value.name} {value.value:.4g}{value.unit and ' '}{value.unit}{' ALARM' if value.alarm else ''}"
    for event in result.events or ():
        yield f"[{event.kind} {event.place or event.label}]"
