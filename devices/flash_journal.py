"""Which devices of a form are done, in a file beside it: a second run begins where the first was stopped.

A line is written after the device itself said so, and synced; a torn last line is no line. A device whose payload has
changed since is not done.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import msgspec
from msgspec import Struct

from contract.codec import to_json
from contract.errors import ConfigError

SUFFIX = ".done"


class Done(Struct, frozen=True, kw_only=True):
    """One device that needs nothing more."""

    device_id: str
    to: str
    payload: str


class FlashJournal:
    """The file `FORM.done`. `add` may be called from any thread."""

    def __init__(self, form: Path) -> None:
        """ConfigError where it is there and cannot be read."""
        self.path = form.with_name(form.name + SUFFIX)
        self._lock = threading.Lock()
        try:
            lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        except OSError as problem:
            raise self._unusable(problem) from problem
        self._done = {done for line in lines if (done := _read(line)) is not None}
        self._torn = bool(lines) and not lines[-1].endswith(b"\n")

    def __contains__(self, done: Done) -> bool:
        return done in self._done

    def add(self, done: Done) -> None:
        """Note it for good. ConfigError where the disk will not have it."""
        line = to_json(done) + b"\n"
        with self._lock:
            try:
                with self.path.open("ab") as file:
                    file.write(b"\n" + line if self._torn else line)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as problem:
                raise self._unusable(problem) from problem
            self._torn = False
            self._done.add(done)

    def _unusable(self, problem: OSError) -> ConfigError:
        return ConfigError(
            f"the list of what is done is of no use: {problem.strerror}",
            where=str(self.path),
            fix="Check its permissions and the disk, or delete it to begin anew.",
        )


def _read(line: bytes) -> Done | None:
    try:
        return msgspec.json.decode(line, type=Done)
    except msgspec.DecodeError:
        return None
