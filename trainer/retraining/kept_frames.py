"""Pictures a device kept (`edge/scene/keeping.py`), as they lie in a folder somebody copied from it.

    KEPT/20260714T201503.250Z_front-door_unsure_4711.jpg     the picture, masks black
    KEPT/20260714T201503.250Z_front-door_unsure_4711.json    the result of the model that ran there

A kept file does not say which device it is from, so the folder does: `KEPT/DEVICE/…`, or the name of `KEPT` itself
(of its parent where it is called `kept`, which is what devices call it). Any other picture is taken as well: it was
kept for a reason nobody knows, at the moment its file was written. Clips are counted and passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.codec import from_json
from contract.errors import DataError
from contract.moments import rfc3339
from contract.result import Result
from edge.pictures import PICTURE_SUFFIXES

_NAME = re.compile(r"(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2}\.\d{3}Z)_([^_]+)_([^_]+)_\d+")
"""Moment, source, why, number of the frame: what `Keeper` calls a picture."""
_KEPT = "kept"
_CLIP = ".mjpeg"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """One kept picture nobody has decoded yet."""

    path: Path
    device: str
    source: str
    """The camera, as far as file names tell; empty where they do not."""
    why: str
    """`unsure`, `drifted`, or an event and its place; `unknown` for a picture that was not named by a device."""
    moment: str
    """UTC, RFC 3339."""
    result: Result | None
    """What the model that ran there said; None where nothing readable lies beside the picture."""
    result_problem: str = ""
    """Why that cannot be read."""

    @property
    def group(self) -> str:
        """Device and day: pictures of one group are alike, and never stand in two splits."""
        return f"{self.device} {self.moment[:10]}"


@dataclass(frozen=True, slots=True)
class Kept:
    """What lies in some folders."""

    frames: tuple[KeptFrame, ...]
    """In the order of device, moment and path."""
    clips: int


def kept_frames(folders: Sequence[Path]) -> Kept:
    """List `folders`; DataError where one is none, or where there is no picture at all."""
    frames: list[KeptFrame] = []
    clips = 0
    for folder in folders:
        if not folder.is_dir():
            raise DataError("there is no such folder", where=str(folder), fix="Name a folder copied from a device.")
        for path in _files(folder):
            clips += path.suffix == _CLIP
            if path.suffix.lower() in PICTURE_SUFFIXES:
                frames.append(_frame(path, _device(folder, path)))
    if not frames:
        where = ", ".join(map(str, folders))
        raise DataError("no kept picture", where=where, fix="Copy the folder `kept` of a device here.")
    return Kept(tuple(sorted(frames, key=lambda one: (one.device, one.moment, str(one.path)))), clips)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


def _device(folder: Path, path: Path) -> str:
    below = path.relative_to(folder).parts[:-1]
    if below and below[0] != _KEPT:
        return below[0]
    whole = folder.resolve()
    return whole.parent.name if whole.name == _KEPT else whole.name


def _frame(path: Path, device: str) -> KeptFrame:
    result, problem = _result(path.with_suffix(".json"))
    named = _NAME.fullmatch(path.stem)
    if named is None:
        moment = result.captured_at if result else rfc3339(path.stat().st_mtime)
        return KeptFrame(path, device, result.source if result else "", UNKNOWN, moment, result, problem)
    year, month, day, hour, minute, second, source, why = named.groups()
    return KeptFrame(path, device, source, why, f"{year}-{month}-{day}T{hour}:{minute}:{second}", result, problem)


def _result(path: Path) -> tuple[Result | None, str]:
    if not path.is_file():
        return None, ""
    try:
        return from_json(path.read_bytes(), Result, where=path.name, error=DataError), ""
    except (DataError, OSError) as problem:
        return None, str(problem)
