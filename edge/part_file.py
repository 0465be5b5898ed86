"""A download's `.part`: the file that grows, and the journal beside it that says how far it can be trusted.

After a power cut the end of a file may be zeros or rubbish, though its size is right. So the bytes are synced now and
then, and after each sync `PART.journal` is replaced with their length and digest. A later start believes the journal
and nothing beyond it; only where the machine has not been down since (the kernel's boot id is the same) is the rest
believed too, because what a killed process has written is not lost. A part that went bad is so found out before a
byte is fetched, and not after the last one. Who asks for bytes, and when again, is `edge/download.py`'s matter.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import IO, Any, NamedTuple

from msgspec import Struct

from contract.codec import from_json, to_json
from contract.digest import PREFIX, digest_of
from contract.errors import UpdateError
from edge.durable import Disk, disk_error

log = logging.getLogger(__name__)

SCHEMA = 1
SYNC_BYTES = 1 << 20
"""A power cut loses at most so much,"""
SYNC_S = 5.0
"""on a slow line, where bytes are dear, at most what came in so many seconds,"""
PAUSE_S = 1.0
"""and on a fast line at most what came in this time: three fsyncs a MiB would be most of its work."""
_CHUNK_BYTES = 64 * 1024
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Journal(Struct, frozen=True, kw_only=True):
    """What is on the medium for certain."""

    schema: int = SCHEMA
    wanted: str
    """Digest of the whole file this is a part of."""
    size_bytes: int
    sha256: str
    """Of the first `size_bytes` of the part."""
    boot: str
    """The kernel's boot id at that time; empty where there is none."""
    url: str = ""
    """Digest of the address it came from; addresses may hold secrets."""
    etag: str = ""
    """The server's strong validator (RFC 9110, section 8.8.3); empty without one."""


class _Checked(NamedTuple):
    """How far the journal's word goes."""

    size: int
    running: Any


def journal_of(part: Path) -> Path:
    """Where a part's journal lies."""
    return part.with_name(part.name + ".journal")


def boot_id() -> str:
    """Of this boot of the machine (random(4)); empty where the kernel says none, and then no unsynced byte counts."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


class PartFile:
    """The part at `path` of the file with the digest `wanted` and `wanted_bytes`; DiskError where the disk refuses.

    What can be trusted of an earlier attempt is there when this returns, anything else is gone.
    """

    def __init__(
        self,
        path: Path,
        wanted: str,
        wanted_bytes: int,
        disk: Disk,
        *,
        boot: str | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.path, self.size, self.stored = path, 0, 0
        """`stored` counts what was added by this object, started anew or not."""
        self._wanted, self._wanted_bytes, self._disk = wanted, wanted_bytes, disk
        self._boot, self._clock = boot_id() if boot is None else boot, clock
        self._running = hashlib.sha256()
        self._url = self._etag = ""
        self._synced, self._synced_at = 0, clock()
        self._resume()

    @property
    def digest(self) -> str:
        """Of what is in it."""
        return PREFIX + self._running.hexdigest()

    @property
    def full(self) -> bool:
        """Whether it has the size that is wanted."""
        return self.size >= self._wanted_bytes

    @property
    def right(self) -> bool:
        """Whether it is what is wanted, to the last byte."""
        return self.size == self._wanted_bytes and self.digest == self._wanted

    def etag(self, url: str) -> str:
        """The validator that came with these bytes from `url`; empty without one."""
        return self._etag if self._url == _named(url) else ""

    def began(self, url: str, etag: str) -> None:
        """The first bytes are about to come from `url`. Written down at once: a killed process leaves them behind."""
        self._url, self._etag = _named(url), etag
        self._write_journal()

    def add(self, chunk: bytes) -> None:
        """To the end; synced when it is time to."""
        self._do("storing the download", lambda: self._disk.append(self.path, chunk))
        self._running.update(chunk)
        self.size += len(chunk)
        self.stored += len(chunk)
        since_s = self._clock() - self._synced_at
        if since_s >= SYNC_S or (since_s >= PAUSE_S and self.size - self._synced >= SYNC_BYTES):
            self.sync()

    def sync(self) -> None:
        """Everything is on the medium, and the journal says so; nothing happens where it does already."""
        if self.size == self._synced:
            return
        self._do("storing the download", lambda: self._disk.sync(self.path))
        self._write_journal()

    def restart(self) -> None:
        """An empty part: nothing that was there counts."""
        self._forget()
        self._do("storing the download", lambda: self._disk.write(self.path, b""))

    def finish(self) -> None:
        """Whole and on the medium; the journal has done its work."""
        self._do("storing the download", lambda: self._disk.sync(self.path))
        self._drop(journal_of(self.path))

    def remove(self) -> None:
        """The part is no good to anyone."""
        self._forget()
        self._drop(self.path)

    def _forget(self) -> None:
        self._drop(journal_of(self.path))
        self.size, self._synced, self._running = 0, 0, hashlib.sha256()
        self._url = self._etag = ""

    def _resume(self) -> None:
        """Keep what can be trusted; a part that is whole and right needs no journal."""
        if not self.path.exists():
            self.restart()
            return
        journal = self._read_journal()
        try:
            checked = self._check(journal)
        except OSError as spoilt:
            log.warning("download: %s cannot be read: %s", self.path, spoilt.strerror)
            checked = None
        if self.right:
            return
        if journal is None or checked is None:
            if self.size:
                log.warning("download: %d bytes an earlier attempt left cannot be trusted, and are deleted", self.size)
            self.restart()
            return
        self._url, self._etag, self._synced = journal.url, journal.etag, checked.size
        if self.full or not self._boot or journal.boot != self._boot:
            self._cut(checked)

    def _check(self, journal: Journal | None) -> _Checked | None:
        """Read what is there, once; how far the journal goes, and None where it is not right about it."""
        with self.path.open("rb") as file:
            self._read(file, journal.size_bytes if journal else 0)
            checked = _Checked(self.size, self._running.copy())
            agrees = journal is not None and (self.size, self.digest) == (journal.size_bytes, journal.sha256)
            self._read(file, None)
        return checked if agrees and checked.size < self._wanted_bytes else None

    def _cut(self, checked: _Checked) -> None:
        log.info("download: %d bytes had not been synced when power went", self.size - checked.size)
        self._do("mending the download", lambda: self._disk.truncate(self.path, checked.size))
        self.size, self._running = checked

    def _read(self, file: IO[bytes], at_most_bytes: int | None) -> None:
        """Count what `file` holds, up to so many bytes or its end."""
        left = at_most_bytes
        while chunk := file.read(_CHUNK_BYTES if left is None else min(left, _CHUNK_BYTES)):
            self._running.update(chunk)
            self.size += len(chunk)
            left = None if left is None else left - len(chunk)

    def _read_journal(self) -> Journal | None:
        """None without one, with a spoilt one, and with one of another file."""
        path = journal_of(self.path)
        try:
            journal = from_json(path.read_bytes(), Journal, where=str(path), error=UpdateError, newest_schema=SCHEMA)
        except (OSError, UpdateError):
            return None
        return journal if journal.wanted == self._wanted else None

    def _write_journal(self) -> None:
        self._synced, self._synced_at = self.size, self._clock()
        journal = Journal(
            wanted=self._wanted,
            size_bytes=self.size,
            sha256=self.digest,
            boot=self._boot,
            url=self._url,
            etag=self._etag,
        )
        path = journal_of(self.path)
        self._do("storing the download", lambda: self._disk.replace_file(path, to_json(journal)))

    def _drop(self, path: Path) -> None:
        if path.exists():
            self._do("deleting a download", lambda: self._disk.remove(path))

    def _do(self, doing: str, verb: Callable[[], None]) -> None:
        try:
            verb()
        except OSError as problem:
            raise disk_error(doing, self.path, problem) from problem


def _named(url: str) -> str:
    return digest_of(url.encode())
