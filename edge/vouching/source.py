"""Where metadata files come from: a web server, or a folder on a stick. Both are taken for hostile.

Nothing is longer, slower or more often asked for than it may be. Neither redirects nor proxies are followed: the
assignment names the address. What the bytes mean is judged elsewhere.
"""

from __future__ import annotations

import http.client
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from socket import SHUT_RDWR, socket
from typing import NamedTuple, Protocol
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from edge import tls
from edge.clock import FleetClock
from edge.deadline import Deadline, DeadlineError, StoppingError
from edge.vouching.errors import MetadataError

log = logging.getLogger(__name__)

_CHUNK_BYTES = 16 << 10
_TICK_S = 0.25
_MAY_CHANGE = frozenset({408, 425, 429, 500, 502, 503, 504})
"""The server may think better of these answers; any other refusal is its last word."""
_ABSENT = frozenset({403, 404})
"""Object stores say 403 where there is nothing; so does the TUF specification's client understand it."""


class Patience(NamedTuple):
    """With a server, for each file."""

    silence_s: float = 30.0
    """Nothing comes for so long."""
    grace_s: float = 60.0
    """For connecting and for the answer to begin; after it the average must hold."""
    bytes_per_s: float = 500.0
    """The slowest average: a drip that never falls silent must not hold an update for days."""
    pauses_s: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 8.0)
    """Before each attempt. Few on purpose: a fleet must not besiege a server that is ill."""


PATIENT = Patience()


class Source(Protocol):
    """A repository's metadata files by their names."""

    def read(self, name: str, at_most_bytes: int) -> bytes | None:
        """The whole file, or None where there is none; MetadataError where it is longer or cannot be had."""


class FolderSource:
    """Files in a folder, for devices without a network."""

    def __init__(self, folder: Path, *, spend: Callable[[int], None]) -> None:
        self._folder, self._spend = folder, spend

    def read(self, name: str, at_most_bytes: int) -> bytes | None:
        """See `Source`."""
        path = self._folder / name
        if not path.is_file():
            return None
        try:
            with path.open("rb") as file:
                data = file.read(at_most_bytes + 1)
        except OSError as problem:
            raise _failed(problem.strerror or str(problem), str(path)) from problem
        self._spend(len(data))
        if len(data) > at_most_bytes:
            raise _endless(at_most_bytes, str(path))
        return data


class HttpSource:
    """Files below an http or https address. MetadataError where it is none."""

    def __init__(
        self,
        url: str,
        *,
        deadline: Deadline,
        spend: Callable[[int], None],
        clock: FleetClock,
        ca_file: str | None = None,
        patience: Patience = PATIENT,
    ) -> None:
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port
            self._host.encode("idna")
        except ValueError as problem:
            raise _no_address(url) from problem
        if parts.scheme not in ("http", "https") or not self._host:
            raise _no_address(url)
        self._secure, self._path = parts.scheme == "https", quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~") + "/"
        self._url = url.rstrip("/") + "/"
        self._deadline, self._spend, self._clock = deadline, spend, clock
        self._ca_file, self._patience = ca_file, patience

    def read(self, name: str, at_most_bytes: int) -> bytes | None:
        """See `Source`. DeadlineError and StoppingError too, and whatever `spend` raises."""
        problem = ""
        for attempt, pause_s in enumerate(self._patience.pauses_s, 1):
            self._deadline.pause(pause_s)
            try:
                return self._once(name, at_most_bytes)
            except (OSError, http.client.HTTPException) as met:
                problem = str(met) or type(met).__name__
            log.warning("%s, attempt %d of %d: %s", name, attempt, len(self._patience.pauses_s), problem)
        raise _failed(f"{problem}, {len(self._patience.pauses_s)} attempts", self._url + name)

    def _once(self, name: str, at_most_bytes: int) -> bytes | None:
        connection = self._connection()
        watch = _Watch(self._patience, self._deadline)
        watch.start()
        try:
            return self._receive(connection, name, at_most_bytes, watch)
        except (OSError, http.client.HTTPException):
            self._deadline.check()
            if watch.slow:
                raise self._too_slow(name) from None
            raise
        finally:
            watch.end()
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._patience.silence_s)
        context = tls.context(self._ca_file, self._clock)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._patience.silence_s, context=context)

    def _receive(
        self, connection: http.client.HTTPConnection, name: str, at_most_bytes: int, watch: _Watch
    ) -> bytes | None:
        connection.connect()
        watch.connected = connection.sock
        if self._secure:
            tls.check_not_expired(connection.sock, self._clock)
        connection.request("GET", self._path + name, headers={"Accept-Encoding": "identity", "Connection": "close"})
        with connection.getresponse() as answer:
            if answer.status in _ABSENT:
                return None
            if answer.status in _MAY_CHANGE:
                raise http.client.HTTPException(f"the server answers {answer.status} {answer.reason}")
            if answer.status != 200:
                raise _failed(f"the server answers {answer.status} {answer.reason}", self._url + name)
            return self._body(answer, at_most_bytes, watch, self._url + name)

    def _body(self, answer: http.client.HTTPResponse, at_most_bytes: int, watch: _Watch, where: str) -> bytes:
        # `read` would wait until it has all it was asked for, `read1` hands over what a drip brings; but until Python
        # 3.12 the latter does not stop at the length that was announced.
        announced, received = answer.length, bytearray()
        if announced is not None and announced > at_most_bytes:
            raise _endless(at_most_bytes, where)
        while len(received) != announced and (chunk := answer.read1(_CHUNK_BYTES)):
            received += chunk
            watch.received = len(received)
            self._spend(len(chunk))
            self._deadline.check()
            if len(received) > at_most_bytes:
                raise _endless(at_most_bytes, where)
        if watch.cut or (announced is not None and len(received) < announced):
            raise http.client.HTTPException(f"the connection ended after {len(received)} bytes")
        return bytes(received)

    def _too_slow(self, name: str) -> MetadataError:
        patience = self._patience
        return _failed(
            f"slower than {patience.bytes_per_s:g} bytes a second for {patience.grace_s:g} s", self._url + name
        )


class _Watch(threading.Thread):
    """Cuts a connection that is too slow, or whose time is over, wherever the other thread waits for it.

    It watches from the end of the TLS handshake on: connecting and the handshake end by themselves after `silence_s`.
    """

    connected: socket | None = None

    def __init__(self, patience: Patience, deadline: Deadline) -> None:
        super().__init__(name="metadata-watch", daemon=True)
        self._patience, self._deadline = patience, deadline
        self._over = threading.Event()
        self._began = time.monotonic()
        self.received = 0
        self.slow = self.cut = False

    def run(self) -> None:
        """Look at it every now and then."""
        while not self._over.wait(_TICK_S):
            if self._too_slow() or self._too_late():
                self.cut = True
                self._cut()

    def end(self) -> None:
        """It is no longer needed."""
        self._over.set()
        self.join()

    def _cut(self) -> None:
        if self.connected is not None:
            # Not close: that would not wake whoever reads.
            with suppress(OSError):
                self.connected.shutdown(SHUT_RDWR)

    def _too_slow(self) -> bool:
        late_s = time.monotonic() - self._began - self._patience.grace_s
        self.slow = self.slow or (late_s > 0 and self.received < late_s * self._patience.bytes_per_s)
        return self.slow

    def _too_late(self) -> bool:
        try:
            self._deadline.check()
        except (DeadlineError, StoppingError):
            return True
        return False


def source_at(
    where: str | Path,
    *,
    deadline: Deadline,
    spend: Callable[[int], None],
    clock: FleetClock,
    ca_file: str | None = None,
    patience: Patience = PATIENT,
) -> Source:
    """A folder for a path or a `file:` address, a web server otherwise."""
    if isinstance(where, Path):
        return FolderSource(where, spend=spend)
    if where.startswith("file:"):
        parts = urlsplit(where)
        if parts.netloc not in ("", "localhost"):
            raise _no_address(where)
        return FolderSource(Path(url2pathname(parts.path)), spend=spend)
    return HttpSource(where, deadline=deadline, spend=spend, clock=clock, ca_file=ca_file, patience=patience)


def _failed(what: str, where: str) -> MetadataError:
    return MetadataError(
        f"update metadata cannot be fetched: {what}", where=where, fix="Check the update repository's server."
    )


def _endless(at_most_bytes: int, where: str) -> MetadataError:
    return _failed(f"it is longer than the {at_most_bytes} bytes it may have", where)


def _no_address(url: str) -> MetadataError:
    return MetadataError(
        "this is no address of update metadata", where=url, fix="Assign with an http, https or file address."
    )
