"""The folder bundles are released into: all of them or none, whole or not at all, and no version twice."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from contract.errors import ConfigError
from edge.durable import Disk


def check_folder(folder: Path) -> None:
    """Asked before the work: ConfigError where `folder` could not be made, or nothing be written into it."""
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        what = "no permission to write there" if nearest.is_dir() else "there is a file in its place"
        raise ConfigError(what, where=str(nearest), fix="Choose another --out folder.")


def write_bundles(folder: Path, bundles: Mapping[str, bytes]) -> None:
    """Write each of `bundles` (file name to content) into `folder`, which is made where it is missing.

    A file that is there already with the same content is left alone. One with other content is refused before
    anything is written: ConfigError, because a version is never reused.
    """
    missing = {name: data for name, data in bundles.items() if not _is_there(folder / name, data)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_all(folder, missing)
    except OSError as problem:
        raise ConfigError(
            f"cannot be written: {problem.strerror}", where=str(folder), fix="Choose another --out folder."
        ) from problem


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Every file is whole on the disk before the first gets its name."""
    disk = Disk()
    waiting = {name: folder / f".{name}.{os.getpid()}" for name in files}
    try:
        for name, data in files.items():
            disk.write(waiting[name], data)
            disk.sync(waiting[name])
        for name, path in waiting.items():
            disk.rename(path, folder / name)
        disk.sync(folder)
    finally:
        for path in waiting.values():
            path.unlink(missing_ok=True)


def _is_there(path: Path, data: bytes) -> bool:
    try:
        found = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as problem:
        raise ConfigError(
            f"cannot be read: {problem.strerror}", where=str(path), fix="Choose another --out folder."
        ) from problem
    if found != data:
        raise ConfigError(
            "another bundle of this name and version is there, and versions are never reused",
            where=str(path),
            fix="Give the next number with --version.",
        )
    return True
