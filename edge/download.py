"""A file fetched by HTTP that ends up whole, and of the digest and size that were promised, or not at all.

What has arrived stays in a `.part` file (`edge/part_file.py`): after a broken connection, a restart or a power cut only
the rest is asked for (RFC 9110, section 14: Range, If-Range, 206, Content-Range). Bytes that were paid for are fetched
again at most once in a download, and never without a word in the log: when the server answers with the whole file, or
says that its file is another one now, or when pieces of several answers do not make the file that is wanted.

An attempt that brings less than 4 KiB counts against the number of attempts; one that brings more lets the count begin
again at the second, so that a bad line gets there, piece by piece, and a sick server is left alone.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from typing import NamedTuple

from contract.errors import UpdateError
from edge.clock import FleetClock
from edge.deadline import Deadline
from edge.durable import Disk
from edge.http_get import checked_address, get, pieces, retry_after_s, shown
from edge.part_file import PartFile
from edge.watch import PATIENCE, BrokenError, Patience, RefusedError, Watch

log = logging.getLogger(__name__)

_MAY_CHANGE = frozenset({408, 425, 429, 500, 502, 503, 504})
"""The server may think better of these answers; any other refusal is its last word."""
_PAUSES_S = (0.0, 2.0, 4.0, 8.0, 16.0)
"""At most so long before each attempt, by chance less (AWS, "Exponential backoff and jitter": full jitter), so that a
fleet does not come back as one. Few on purpose: it must not besiege a server that is ill; the fleet assigns again."""
_PROGRESS_BYTES = 4096
_MOST_BYTES_OVER = 1 << 20
"""Twice the file and so much, in one download, is all that is ever received: a restart from 0, heads and framing."""
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{0,254}"')
"""RFC 9110, section 8.8.3; If-Range takes no weak ones."""
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")


class DownloadError(UpdateError):
    """It could not be fetched, or is not what was promised."""


class Wanted(NamedTuple):
    """What is to be fetched."""

    url: str
    digest: str
    size_bytes: int


def _without_limit(_: int) -> None:
    """Nobody counts."""


def fetch(
    wanted: Wanted,
    part: Path,
    *,
    deadline: Deadline,
    disk: Disk,
    spend: Callable[[int], None] = _without_limit,
    ca_file: str | None = None,
    clock: FleetClock | None = None,
    pauses_s: tuple[float, ...] = _PAUSES_S,
    patience: Patience = PATIENCE,
) -> Path:
    """`part`, holding exactly what is wanted, synced.

    DownloadError, DiskError or DeadlineError otherwise; and whatever `spend` raises, which is called with the number
    of bytes that have come (see `Watch`) before they are stored. They are stored all the same: they are paid for.
    Whatever ends a download, what is good of the part stays for the next one. `ca_file` holds the certificate
    authorities (PEM) trusted instead of the system's; `clock` judges certificates, where it is another than the
    system's (`edge/tls.py`). `pauses_s` are the longest pauses before each attempt without
    success; there are as many.
    """
    try:
        checked_address(wanted.url)
        _Download(wanted, part, deadline, disk, spend, ca_file, clock, patience).run(pauses_s)
    except RefusedError as refusal:
        raise _failed(refusal.what, wanted, fix=refusal.fix) from refusal
    return part


def still_missing(wanted: Wanted, part: Path, *, disk: Disk) -> int:
    """Bytes of the file that have yet to be fetched; what cannot be trusted of the part is deleted."""
    return max(0, wanted.size_bytes - PartFile(part, wanted.digest, wanted.size_bytes, disk).size)


class _Download:
    """All attempts at one file."""

    def __init__(
        self,
        wanted: Wanted,
        part: Path,
        deadline: Deadline,
        disk: Disk,
        spend: Callable[[int], None],
        ca_file: str | None,
        clock: FleetClock | None,
        patience: Patience,
    ) -> None:
        self._wanted, self._deadline, self._ca_file, self._clock = wanted, deadline, ca_file, clock
        most_bytes = 2 * wanted.size_bytes + _MOST_BYTES_OVER
        self._watch = Watch(deadline, spend, most_bytes=most_bytes, patience=patience)
        self._part = PartFile(part, wanted.digest, wanted.size_bytes, disk)
        self._pieced, self._started_anew = self._part.size > 0, False

    def run(self, pauses_s: tuple[float, ...]) -> None:
        """Until the part is right; RefusedError where it will not be."""
        failures, pause_s = 0, pauses_s[0] * random.random()
        while True:
            self._deadline.pause(pause_s)
            stored = self._part.stored
            try:
                return self._attempt()
            except BrokenError as broken:
                brought = self._part.stored - stored
                failures = min(1, len(pauses_s) - 1) if brought >= _PROGRESS_BYTES else failures + 1
                log.warning("download of %s: %s; %d bytes came", shown(self._wanted.url), broken.what, brought)
                if failures == len(pauses_s):
                    raise RefusedError(f"{broken.what}, {failures} attempts") from broken
                pause_s = self._waited(broken) + pauses_s[failures] * random.random()

    def _waited(self, broken: BrokenError) -> float:
        if broken.after_s >= self._deadline.left_s() and broken.after_s:
            raise RefusedError(
                f"{broken.what}, and asks for {broken.after_s:.0f} s of rest, longer than the deadline allows"
            ) from broken
        return broken.after_s

    def _attempt(self) -> None:
        """The part is right when this returns."""
        try:
            if not self._part.full:
                self._receive()
        finally:
            self._part.sync()
            self._watch.pay()
        if not self._part.full:
            raise BrokenError(f"the connection ended after {self._part.size} of {self._wanted.size_bytes} bytes")
        if self._part.right:
            self._part.finish()
            return
        if not self._pieced or self._started_anew:
            self._part.remove()
            raise RefusedError("what the server sent is not what the assignment names")
        self._start_anew("what came in several pieces is not what the assignment names")
        raise BrokenError("the pieces do not belong together")

    def _receive(self) -> None:
        """Ask for the rest and append it."""
        with get(self._wanted.url, self._headers(), self._watch, ca_file=self._ca_file, clock=self._clock) as answer:
            at_most_bytes = self._agreed(answer)
            if self._part.size == 0:
                self._part.began(self._wanted.url, _etag(answer))
            self._pieced = self._pieced or self._part.size > 0
            for piece in pieces(answer, at_most_bytes):
                try:
                    self._watch.pay()
                finally:
                    self._part.add(piece)

    def _headers(self) -> dict[str, str]:
        if self._part.size == 0:
            return {}
        etag = self._part.etag(self._wanted.url)
        return {"Range": f"bytes={self._part.size}-"} | ({"If-Range": etag} if etag else {})

    def _agreed(self, answer: HTTPResponse) -> int:
        """How many bytes of this answer belong at the end of the part; what cannot be taken is an error."""
        if answer.status == 416:
            self._start_anew("the server says that its file ends earlier")
            raise BrokenError("the server answers 416")
        _check_status(answer)
        if answer.status == 206:
            return self._continued(answer)
        self._check_total(answer.length)
        if self._part.size:
            self._start_anew("the server answers with the whole file, not with the rest")
        return self._wanted.size_bytes

    def _continued(self, answer: HTTPResponse) -> int:
        asked = self._part.size
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if found is None:
            raise BrokenError("a partial answer does not say which part it is")
        first, last = int(found[1]), int(found[2])
        self._check_total(None if found[3] == "*" else int(found[3]))
        if (
            first != asked
            or not first <= last < self._wanted.size_bytes
            or answer.length not in (None, last - first + 1)
        ):
            raise BrokenError(f"asked for what follows byte {asked}, the server answers {found[0]!r}")
        etag = self._part.etag(self._wanted.url)
        if etag and _etag(answer) not in ("", etag):
            self._start_anew("the server has another file now")
            raise BrokenError("the rest is of another file")
        return last - first + 1

    def _check_total(self, size_bytes: int | None) -> None:
        """Before a byte of the body is taken; a part that is there stays."""
        if size_bytes is not None and size_bytes != self._wanted.size_bytes:
            raise RefusedError(
                f"the server's file has {size_bytes} bytes, and {self._wanted.size_bytes} were assigned: "
                "it is not what the assignment names"
            )

    def _start_anew(self, why: str) -> None:
        """Once: these bytes are paid for twice."""
        if self._started_anew:
            raise RefusedError(f"{why}, and once is enough")
        self._started_anew = True
        log.warning("download of %s starts anew, %d bytes are lost: %s", shown(self._wanted.url), self._part.size, why)
        self._part.restart()


def _check_status(answer: HTTPResponse) -> None:
    """Bytes of the file, as they are, or an error."""
    said = f"the server answers {answer.status} {answer.reason}"[:200]
    if answer.status in _MAY_CHANGE:
        raise BrokenError(said, after_s=retry_after_s(answer))
    if answer.status not in (200, 206):
        raise RefusedError(said)
    packed = answer.headers.get("Content-Encoding", "identity"), answer.headers.get("Transfer-Encoding", "chunked")
    if (packed[0].strip().lower(), packed[1].strip().lower()) != ("identity", "chunked"):
        raise RefusedError("the server compresses what it sends, which was not asked for")


def _etag(answer: HTTPResponse) -> str:
    etag = answer.headers.get("ETag", "").strip()
    return etag if _STRONG_ETAG.fullmatch(etag) else ""


def _failed(what: str, wanted: Wanted, *, fix: str | None) -> DownloadError:
    return DownloadError(
        what,
        where=shown(wanted.url),
        fix=fix or "Check that the fleet server serves this file, and assign again.",
    )
