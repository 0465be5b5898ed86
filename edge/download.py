"""A file fetched by HTTP that ends up whole, and of the digest and size that were promised, or not at all.

What has arrived stays in a `.part` file: after a broken connection or a restart only the rest is asked for (RFC 9110,
section 14: Range, 206 and Content-Range). The digest decides whether the parts belong together, so no validator is
needed: a bundle's address never changes its content.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import urlsplit

from contract.digest import PREFIX
from contract.errors import UpdateError
from edge.deadline import Deadline
from edge.durable import Disk, disk_error

log = logging.getLogger(__name__)

_CHUNK_BYTES = 64 * 1024
_SILENCE_S = 30.0
"""A server that sends nothing for so long is given up for this attempt."""
_MAY_CHANGE = frozenset({408, 425, 429, 500, 502, 503, 504})
"""The server may think better of these answers; any other refusal is its last word."""
_PAUSES_S = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Before each attempt. Few on purpose: a fleet must not besiege a server that is ill; the fleet assigns again."""


class DownloadError(UpdateError):
    """It could not be fetched, or is not what was promised."""


class Wanted(NamedTuple):
    """What is to be fetched."""

    url: str
    digest: str
    size_bytes: int


class _Part:
    """The file that grows, and the running digest of what is in it."""

    def __init__(self, path: Path) -> None:
        self.path, self.size, self._running = path, 0, hashlib.sha256()
        if path.exists():
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    self._count(chunk)

    @property
    def digest(self) -> str:
        return PREFIX + self._running.hexdigest()

    def restart(self) -> None:
        """Forget what is there."""
        self.path.unlink(missing_ok=True)
        self.size, self._running = 0, hashlib.sha256()

    def append(self, stream: IO[bytes], at_most_bytes: int, deadline: Deadline) -> None:
        """Add what `stream` gives until there are `at_most_bytes` or more; DiskError where there is no room."""
        file = self._opened()
        with file:
            while self.size < at_most_bytes and (chunk := stream.read(_CHUNK_BYTES)):
                deadline.check()
                self._write(file, chunk)

    def _opened(self) -> IO[bytes]:
        try:
            return self.path.open("ab", buffering=0)
        except OSError as problem:
            raise disk_error("storing the download", self.path, problem) from problem

    def _write(self, file: IO[bytes], chunk: bytes) -> None:
        try:
            file.write(chunk)
        except OSError as problem:
            raise disk_error("storing the download", self.path, problem) from problem
        self._count(chunk)

    def _count(self, chunk: bytes) -> None:
        self._running.update(chunk)
        self.size += len(chunk)


def fetch(
    wanted: Wanted, part: Path, *, deadline: Deadline, disk: Disk, pauses_s: tuple[float, ...] = _PAUSES_S
) -> Path:
    """`part`, holding exactly what is wanted, synced. DownloadError, DiskError or DeadlineError otherwise.

    `pauses_s` are the seconds before each attempt; there are as many attempts.
    """
    if urlsplit(wanted.url).scheme not in ("http", "https"):
        raise _failed("only http and https addresses are fetched", wanted)
    problem: str | None = None
    for attempt, pause_s in enumerate(pauses_s, 1):
        deadline.pause(pause_s)
        problem = _attempt(wanted, _Part(part), deadline)
        if problem is None:
            disk.sync(part)
            return part
        log.warning("download, attempt %d of %d: %s", attempt, len(pauses_s), problem)
    raise _failed(f"{problem}, {len(pauses_s)} attempts", wanted)


def _attempt(wanted: Wanted, part: _Part, deadline: Deadline) -> str | None:
    """None when the part is whole and right; what went wrong where another attempt may help."""
    resumed = part.size > 0
    if part.size < wanted.size_bytes:
        problem = _receive(wanted, part, deadline)
        if problem is not None:
            return problem
    if part.size < wanted.size_bytes:
        return f"the connection ended after {part.size} of {wanted.size_bytes} bytes"
    if part.size == wanted.size_bytes and part.digest == wanted.digest:
        return None
    part.restart()
    if resumed:
        return "what was there from an earlier attempt does not belong to it; starting anew"
    raise _failed("what the server sent is not what the assignment names", wanted)


def _receive(wanted: Wanted, part: _Part, deadline: Deadline) -> str | None:
    """Ask for the rest and append it, a byte too many at most; what went wrong on the wire, or None."""
    headers = {"Range": f"bytes={part.size}-"} if part.size else {}
    request = urllib.request.Request(wanted.url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=_SILENCE_S) as answer:
            if answer.status != 206 or not answer.headers.get("Content-Range", "").startswith(f"bytes {part.size}-"):
                part.restart()
            part.append(answer, wanted.size_bytes + 1, deadline)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        if refusal.code == 416:
            part.restart()
        elif refusal.code not in _MAY_CHANGE:
            raise _failed(f"the server answers {refusal.code} {refusal.reason}", wanted) from refusal
        return f"the server answers {refusal.code} {refusal.reason}"
    except (OSError, http.client.HTTPException) as problem:
        return f"{problem or type(problem).__name__}"
    return None


def _failed(what: str, wanted: Wanted) -> DownloadError:
    return DownloadError(
        what, where=wanted.url, fix="Check that the fleet server serves this bundle, and assign again."
    )
