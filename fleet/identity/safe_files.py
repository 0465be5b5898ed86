"""Keys and certificates on disk: each is whole or not there, and keys are for their owner alone."""

from __future__ import annotations

import os
from pathlib import Path

from contract.errors import ConfigError
from fleet.durable import sync

SECRET, PUBLIC = 0o600, 0o644


def write_whole(path: Path, data: bytes, mode: int = PUBLIC) -> None:
    """Put `data` in the place of `path`, which never holds half of it, and outlasts a power cut; ConfigError."""
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)  # a umask must not keep the broker from its list of revocations
            file.write(data)
        sync(beside)
        beside.replace(path)
        sync(path.parent)
    except OSError as problem:
        raise ConfigError(
            f"it cannot be written: {problem.strerror}", where=str(path), fix="Check the folder and the disk's room."
        ) from problem


def read_whole(path: Path, what: str, fix: str) -> bytes:
    """The bytes of `path`, which is `what`; ConfigError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as problem:
        raise ConfigError(f"{what} cannot be read: {problem.strerror}", where=str(path), fix=fix) from problem
