"""The one file a command was asked for: whole under its name, or not there at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.errors import ConfigError
from edge.durable import Disk, disk_error


def check_out(out: Path, *inputs: Path) -> None:
    """Before the work: ConfigError where `out` could not be written, or is one of the files read."""
    if out.is_dir():
        raise ConfigError("there is a folder in its place", where=str(out), fix="Give a file with --out.")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK | os.X_OK):
        what = "no permission to write there" if out.parent.is_dir() else "there is no such folder"
        raise ConfigError(what, where=str(out.parent), fix="Choose another --out file.")
    if any(out.exists() and path.exists() and out.samefile(path) for path in inputs):
        raise ConfigError("it is one of the files read", where=str(out), fix="Choose another --out file.")


@contextmanager
def beside(out: Path, word: str) -> Iterator[Path]:
    """A name in the same folder; what is under it afterwards is removed."""
    path = out.with_name(f".{out.name}.{word}.{os.getpid()}")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def give_name(waiting: Path, out: Path) -> None:
    """Give a whole file its name."""
    disk = Disk()
    try:
        disk.rename(waiting, out)
        disk.sync(out.parent)
    except OSError as problem:
        raise disk_error("naming the file", out, problem) from problem


def write_out(out: Path, data: bytes) -> None:
    """`data` in `out`; what was there is replaced at once."""
    disk = Disk()
    with beside(out, "new") as waiting:
        try:
            disk.write(waiting, data)
            disk.sync(waiting)
        except OSError as problem:
            raise disk_error("writing the file", out, problem) from problem
        give_name(waiting, out)
