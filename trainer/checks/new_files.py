"""Files that appear whole or not at all, and never in place of one that is there unless somebody said so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from contract.errors import ConfigError


def refuse_existing(files: list[Path], *, force: bool) -> None:
    """ConfigError where one of `files` is there, or its folder is not."""
    for file in files:
        if not file.absolute().parent.is_dir():
            raise ConfigError("there is no such folder", where=str(file.parent), fix="Make it first.")
        if file.is_dir():
            raise ConfigError("this is a folder", where=str(file), fix="Name a file.")
        if file.exists() and not force:
            raise ConfigError("there is a file already", where=str(file), fix="Choose another name, or add --force.")


def write_new(files: Mapping[Path, bytes], *, force: bool) -> tuple[Path, ...]:
    """Write all of `files`: each under another name first, and none moved to its place before all are written."""
    refuse_existing(list(files), force=force)
    partial = {file: file.with_name(f".{file.name}.partial-{os.getpid()}") for file in files}
    try:
        for file, data in files.items():
            partial[file].write_bytes(data)
        for file in files:
            partial[file].replace(file)
    except OSError as problem:
        raise ConfigError(
            f"the file cannot be written: {problem.strerror}", where=str(problem.filename), fix="Choose another place."
        ) from problem
    finally:
        for left in partial.values():
            with suppress(OSError):
                left.unlink(missing_ok=True)
    return tuple(files)
