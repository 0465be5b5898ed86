"""Where an interrupted training goes on: one file beside the run, `OUT.resume`, there while the training is not whole.

It holds every number the next step depends on (weights, optimizer, averages, random states, best weights) and what it
is bound to: settings, pictures, software. It is written under another name, flushed and renamed, so a kill at any
moment leaves the last whole one. The format is NumPy's `.npz` without pickles: nothing in it is ever executed.
"""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract.codec import from_json, to_json
from contract.digest import digest_of_chunks
from contract.errors import ConfigError
from contract.manifest import Digest
from trainer import record
from trainer.data.divided import Divided, Told
from trainer.data.origin import SplitName
from trainer.retraining.lineage import Base
from trainer.run_folder import flush
from trainer.settings import Resolved

When = Literal["ask", "resume", "fresh"]
"""What to do about a checkpoint that is there: refuse to choose, go on from it, or start anew."""
Arrays = dict[str, list[NDArray[Any]]]
"""Lists of arrays by what they are."""
_HEADER = "header"
_SPARING = 50
"""A checkpoint is written at most so often that training takes this many times as long as writing."""
_SEEN_ONLY = {"checkpoint_seconds": 0.0, "tensorboard": ""}
"""Settings of `[training]` that change no weight."""
_LEARNT_FROM: tuple[SplitName, ...] = ("train", "validation")


class Bound(Struct, frozen=True, kw_only=True):
    """What must be the same for the same weights to come out."""

    settings: Resolved
    base: Base | None = None
    """What it began with in place of new weights, or trains on the pictures of."""
    pictures: Digest
    """Over the training and validation pictures and labels in their order."""
    software: dict[str, str]
    machine: str


class Position(Struct, frozen=True, kw_only=True):
    """How far a training has come."""

    epoch: int = 0
    """Epochs that are over, validation included."""
    step: int = 0
    """Steps of the next one that are done."""
    seconds: float = 0.0
    """Spent so far."""
    best_epoch: int = 0
    best_loss: float | None = None
    """None before the first epoch ends."""
    history: dict[str, tuple[float | None, ...]] = {}
    """None where a value was no number, which JSON does not have."""


class Header(Struct, frozen=True, kw_only=True):
    """The part of a checkpoint that is no array."""

    schema: int = 1
    bound: Bound
    position: Position
    counts: dict[str, int]
    """How many arrays of each kind."""


class Checkpoints:
    """The checkpoint of one training; `trainer/learning/fitting.py` saves to it and goes on from it."""

    def __init__(self, path: Path, bound: Bound, *, seconds: float, say: Callable[[str], None]) -> None:
        self.path = path
        self._bound = bound
        self._pause = seconds
        self._say = say
        self._off = seconds == 0.0
        self._next = time.monotonic() + seconds

    def is_due(self) -> bool:
        """Whether it is time to save again."""
        return not self._off and time.monotonic() >= self._next

    def save(self, position: Position, arrays: Arrays) -> None:
        """Replace the checkpoint; a disk that takes no more is said once and does not end the training."""
        begun = time.monotonic()
        counts = {kind: len(values) for kind, values in arrays.items()}
        header = Header(bound=self._bound, position=position, counts=counts)
        try:
            _write(self.path, to_json(header), arrays)
        except OSError as problem:
            self._off = True
            self._say(f"No more checkpoints: {self.path} cannot be written: {problem.strerror or problem}")
        now = time.monotonic()
        self._next = now + max(self._pause, _SPARING * (now - begun))

    def forget(self) -> None:
        """Start anew."""
        forget(self.path)

    def load(self) -> tuple[Position, Arrays] | None:
        """Where to go on, None at the beginning; ConfigError where this checkpoint belongs to another training."""
        if not self.path.exists():
            return None
        with _opened(self.path) as (file, header):
            difference = _difference(header.bound, self._bound)
            if difference:
                raise ConfigError(
                    f"the interrupted training cannot be resumed, for {difference}",
                    where=str(self.path),
                    fix="Train as it was begun, or start anew: --fresh",
                )
            arrays = {
                kind: [file[_name(kind, number)] for number in range(count)] for kind, count in header.counts.items()
            }
        return header.position, arrays


def bound(data: Divided[Told], settings: Resolved) -> Bound:
    """What a training of `settings` on `data` here and now is bound to."""
    seen = msgspec.structs.replace(settings.training, **_SEEN_ONLY)
    return Bound(
        settings=msgspec.structs.replace(settings, training=seen),
        base=data.record.base,
        pictures=digest_of_chunks(line.encode() for line in _lines(data)),
        software=record.software(),
        machine=record.machine(),
    )


def _lines(data: Divided[Told]) -> Iterator[str]:
    labels = data.record.labels
    yield from (f"{label}\n" for label in labels)
    for split in _LEARNT_FROM:
        yield from data.splits[split].lines(labels)


def kept_at(
    place: Path | None, data: Divided[Told], settings: Resolved, *, fresh: bool, say: Callable[[str], None]
) -> Checkpoints | None:
    """The checkpoints of a training of `settings` on `data`, none without a place; `fresh` forgets what lies there."""
    if place is None:
        return None
    kept = Checkpoints(place, bound(data, settings), seconds=settings.training.checkpoint_seconds, say=say)
    if fresh:
        kept.forget()
    return kept


def place_of(out: Path) -> Path:
    """Where the checkpoint of a training lies whose run will be `out`."""
    out = out.absolute()
    return out.with_name(f"{out.name}.resume")


@contextmanager
def leftover_settled(out: Path, when: When, say: Callable[[str], None]) -> Iterator[None]:
    """Around a training to `out`: what an earlier one left is reported, and taken away when this one ends well.

    ConfigError with `when` "ask" and a checkpoint there. Nothing is taken away before: another process may be at work.
    """
    path = place_of(out)
    there = path.exists()
    if there and when == "ask":
        raise ConfigError(
            f"a training was interrupted {_how_far(path)}", where=str(path), fix="Go on: --resume. Start anew: --fresh"
        )
    if when == "resume" and not there:
        say("Nothing to resume: starting at the beginning")
    ended = False
    try:
        yield
        ended = True
    finally:
        if ended:
            forget(path)
        elif path.exists() and not there:
            say(f"Interrupted {_how_far(path)}: --resume goes on")


def forget(path: Path) -> None:
    """Take the checkpoint away."""
    path.unlink(missing_ok=True)
    _unfinished(path).unlink(missing_ok=True)


def _how_far(path: Path) -> str:
    try:
        with _opened(path) as (_, header):
            return f"in epoch {header.position.epoch + 1} of {header.bound.settings.training.epochs}"
    except ConfigError:
        return "and left a checkpoint that cannot be read"


def _difference(then: Bound, now: Bound) -> str:
    """In words what differs first, or nothing."""
    if then.settings != now.settings:
        return f"its settings were others: {_changed(msgspec.to_builtins(then.settings), _plain(now.settings))}"
    if then.base != now.base:
        return "it was begun from another base, or with other options about it"
    if then.pictures != now.pictures:
        return "it was begun on other pictures"
    if then.machine != now.machine:
        return f"it was begun on {then.machine}, and this is {now.machine}"
    if then.software != now.software:
        return f"its software was another: {_changed(then.software, now.software)}"
    return ""


def _plain(settings: Resolved) -> dict[str, Any]:
    return dict(msgspec.to_builtins(settings))


def _changed(then: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> str:
    """The first key whose values differ, with both."""
    key = next(key for key in sorted({*then, *now}) if then.get(key) != now.get(key))
    old, new = then.get(key), now.get(key)
    if isinstance(old, dict) and isinstance(new, dict):
        return _changed(old, new, f"{prefix}{key}.")
    return f"{prefix}{key} was {old}, and is {new}"


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _name(kind: str, number: int) -> str:
    return f"{kind}-{number}"


def _write(path: Path, header: bytes, arrays: Arrays) -> None:
    named = {_name(kind, number): value for kind, values in arrays.items() for number, value in enumerate(values)}
    new = _unfinished(path)
    with new.open("wb") as file:
        np.savez(file, allow_pickle=False, **{_HEADER: np.frombuffer(header, np.uint8)}, **named)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    flush(path.parent)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Mapping[str, NDArray[Any]], Header]]:
    """The arrays and the header in `path`; ConfigError where they are none."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            yield file, from_json(file[_HEADER].tobytes(), Header, where=str(path), error=ConfigError)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as problem:
        raise ConfigError(
            f"the checkpoint cannot be read: {problem}", where=str(path), fix="Start anew: --fresh"
        ) from problem
