"""Rows of numbers from `.npy` and `.csv` files, for models that are fed no picture: a frame a row.

`numbers.npy`: the first axis counts frames. `numbers.csv`: a line a frame, numbers apart by commas; a first line of
names is passed over. A folder of such files is read in the order of their names. A row holds the values of all inputs
of the model, one after another. Arrays of uint8, int8 and int16 are what tensors store; all else are real values,
unless `tensor:PATH?numbers=stored` (or `real`) says so.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, cast
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from contract.errors import ConfigError, DamagedFrameError, SourceError
from edge.frames import Frame, Numbers

SUFFIXES = frozenset({".npy", ".csv"})
_PREFIX = "tensor:"
_FIX = "Write tensor:PATH, tensor:PATH?numbers=stored or tensor:PATH?numbers=real."
_STORED_TYPES = frozenset({"uint8", "int8", "int16"})
"""Nobody has real values in them by chance; int32 and int64 are what numpy makes of any whole numbers."""
Kind = Literal["auto", "stored", "real"]


class NumberSource:
    """The rows of the files at `paths`, in that order, each a frame named after its file."""

    live = False
    gives_numbers = True

    def __init__(self, name: str, paths: list[Path], *, below: Path, kind: Kind) -> None:
        self.name = name
        self._rows = _rows_of(paths, below, kind)
        self._next = 0

    def read(self, timeout_s: float) -> Frame | None:
        """The next row; a file that cannot be read as numbers is one frame with an error."""
        found = next(self._rows, None)
        if found is None:
            return None
        name, row = found
        index, self._next = self._next, self._next + 1
        return Frame.now(name, index, row) if isinstance(row, DamagedFrameError) else Frame.of_numbers(name, index, row)

    def close(self) -> None:
        """Nothing is held open."""


def open(text: str) -> NumberSource:
    """The file or folder that `text` names, with or without `tensor:` before it."""
    place, kind = _parsed(text)
    path = Path(place)
    if path.is_dir():
        paths = number_files(path)
        if not paths:
            raise SourceError("the folder holds no numbers", where=place, fix="Numbers are files in .npy and .csv.")
        return NumberSource(path.name, paths, below=path, kind=kind)
    if not path.is_file():
        raise SourceError("there is no such file of numbers", where=place, fix="Check --source.")
    if path.suffix.lower() not in SUFFIXES:
        raise SourceError("not a file of numbers", where=place, fix="Numbers are files in .npy and .csv.")
    return NumberSource(path.name, [path], below=path.parent, kind=kind)


def number_files(folder: Path) -> list[Path]:
    """Every file of numbers below `folder`, sorted; SourceError where it cannot be read."""
    try:
        next(folder.iterdir(), None)  # rglob passes over a folder it may not read
        return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    except OSError as problem:
        raise SourceError(
            f"the folder cannot be read: {problem.strerror}", where=str(folder), fix="Check its permissions."
        ) from problem


def _parsed(text: str) -> tuple[str, Kind]:
    if not text.startswith(_PREFIX):
        return text, "auto"
    place, _, options = text.removeprefix(_PREFIX).rpartition("?") if "?" in text else (text[len(_PREFIX) :], "", "")
    kind = "auto"
    for key, value in parse_qsl(options, keep_blank_values=True):
        if key != "numbers" or value not in ("stored", "real"):
            raise ConfigError(f"there is no option {key}={value}", where=text, fix=_FIX)
        kind = value
    return place, cast("Kind", kind)


def _rows_of(paths: list[Path], below: Path, kind: Kind) -> Iterator[tuple[str, Numbers | DamagedFrameError]]:
    for path in paths:
        name = path.relative_to(below).as_posix()
        try:
            rows, stored = _read(path)
        except DamagedFrameError as problem:
            yield name, problem
            continue
        stored = stored if kind == "auto" else kind == "stored"
        for row in rows:
            yield name, Numbers(row, stored)


def _read(path: Path) -> tuple[NDArray[np.float64], bool]:
    """The rows (N, K) of a file, and whether its type says that they are stored numbers."""
    try:
        return _from_csv(path) if path.suffix.lower() == ".csv" else _from_npy(path)
    except OSError as problem:
        raise SourceError(
            f"the numbers cannot be read: {problem.strerror or problem}", where=str(path), fix="Check the file."
        ) from problem


def _from_npy(path: Path) -> tuple[NDArray[np.float64], bool]:
    try:
        with path.open("rb") as stream:
            array = np.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, EOFError, TypeError, MemoryError) as problem:
        raise _damaged(f"not an array of numbers: {str(problem).splitlines()[0]}", path) from problem
    if array.dtype.kind not in "iuf" or array.size == 0:
        raise _damaged(f"an array {array.shape} of {array.dtype}, and no numbers", path)
    rows = array.reshape(1 if array.ndim == 0 else len(array), -1)
    return rows.astype(np.float64), array.dtype.name in _STORED_TYPES


def _from_csv(path: Path) -> tuple[NDArray[np.float64], bool]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            lines = [line for line in csv.reader(stream) if line]
    except (UnicodeDecodeError, csv.Error) as problem:
        raise _damaged(f"not a table of numbers: {problem}", path) from problem
    if lines and not any(_is_number(cell) for cell in lines[0]):
        del lines[0]
    if not lines:
        raise _damaged("a table without a row", path)
    for number, line in enumerate(lines, 1):
        wrong = next((cell for cell in line if not _is_number(cell)), None)
        if wrong is not None or len(line) != len(lines[0]):
            what = f"{wrong[:40]!r} is no number" if wrong is not None else f"{len(line)} numbers, not {len(lines[0])}"
            raise _damaged(f"row {number}: {what}", path)
    return np.array([[float(cell) for cell in line] for line in lines], np.float64), False


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _damaged(what: str, path: Path) -> DamagedFrameError:
    return DamagedFrameError(what, where=str(path), fix="Write the file anew: a row of numbers a frame.")
