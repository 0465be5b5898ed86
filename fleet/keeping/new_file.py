"""A file that appears under its name only when it is whole, and never in place of another."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from contract.errors import DataError


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """What the block writes stands at `path` when it ends, on disk and for its owner alone; nothing where it raises.

    DataError where `path` is there already or cannot be written.
    """
    if path.exists():
        raise DataError("it is there already", where=str(path), fix="Choose another name, or move it away.")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        file = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")
    except OSError as problem:
        raise _unwritable(path, problem) from problem
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # A link never replaces what somebody else put there meanwhile.
        os.link(part, path)
        _sync(path.parent)
    except FileExistsError as problem:
        raise DataError("it is there already", where=str(path), fix="Choose another name.") from problem
    except OSError as problem:
        raise _unwritable(path, problem) from problem
    finally:
        part.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, problem: OSError) -> DataError:
    return DataError(
        f"cannot be written: {problem.strerror or problem}", where=str(path), fix="Choose a folder with room."
    )
