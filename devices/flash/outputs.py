"""Where an image is written: a file that appears under its name only when it is whole, or a card.

A card cannot be put back, so one that failed is left without a partition table: it does not start, instead of half.
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.errors import UpdateError

_TABLES_BYTES = 1 << 20


class FileOut:
    """A file beside its final name, until all is well."""

    room_bytes = None
    changed = True
    """Whether it is another one than before, once closed."""

    def __init__(self, out: Path) -> None:
        self._out, self._beside = out, out.with_name(f"{out.name}.part")

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Its descriptor; the file gets its name when the block ends well."""
        try:
            fd = os.open(self._beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as problem:
            raise _not_written(self._out, problem) from problem
        try:
            try:
                yield fd
                os.fsync(fd)
            finally:
                os.close(fd)
            self.changed = not (self._out.is_file() and filecmp.cmp(self._out, self._beside, shallow=False))
            if self.changed:
                self._beside.replace(self._out)
        except OSError as problem:
            raise _not_written(self._out, problem) from problem
        finally:
            self._beside.unlink(missing_ok=True)


class DiskOut:
    """A card, opened so that nobody can mount it meanwhile."""

    changed = True

    def __init__(self, out: Path, room_bytes: int) -> None:
        self._out, self.room_bytes = out, room_bytes

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Its descriptor; a block that ends badly leaves an empty partition table."""
        try:
            fd = os.open(self._out, os.O_RDWR | os.O_EXCL)
        except OSError as problem:
            raise _not_written(self._out, problem) from problem
        whole = False
        try:
            yield fd
            os.fsync(fd)
            whole = True
        except OSError as problem:
            raise _not_written(self._out, problem) from problem
        finally:
            if not whole:
                os.pwrite(fd, bytes(_TABLES_BYTES), 0)
            os.close(fd)


def _not_written(out: Path, problem: OSError) -> UpdateError:
    return UpdateError(
        f"it cannot be written: {problem.strerror or problem}", where=str(out), fix="Check room and permissions."
    )
