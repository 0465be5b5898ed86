"""Cameras that speak HTTP: a stream of JPEG pictures (multipart/x-mixed-replace, or bare), or one at a time.

Boundaries and part headers are not looked at: JPEG says itself where it begins and ends, and many cameras get the
headers around it wrong. A thread of its own reads, and keeps the newest picture undecoded; closing ends it by shutting
its socket down. Only looking a name up and connecting cannot be cut short, and have limits of their own.
"""

from __future__ import annotations

import base64
import http.client
import socket
import threading
from contextlib import suppress

from contract.errors import DamagedFrameError, SourceError
from edge.frames import Frame
from edge.sources.mjpeg import MjpegStream
from edge.sources.network import Address

_CONNECT_S = 3.0
_SILENCE_S = 10.0
"""A camera that sends nothing for so long is gone. Whoever wraps this source usually knows sooner."""
_SNAPSHOT_PAUSE_S = 1.0
"""Between two requests to a camera that answers with one picture: gentle to a small web server."""
_CHUNK_BYTES = 1 << 16
_JOIN_S = 0.5
_STREAMS = (
    "multipart/x-mixed-replace",
    "image/jpeg",
    "video/x-motion-jpeg",
    "video/x-jpeg",
    "application/octet-stream",
)
_FIX = "Check the address in a browser, and that the camera is on."


class HttpSource:
    """The newest picture of the camera at `address`."""

    live = True

    def __init__(self, address: Address) -> None:
        self.name = address.name
        self.skipped = 0
        """Whole pictures that were never decoded, because a newer one had come."""
        self._address, self._index = address, 0
        self._changed = threading.Condition()
        self._newest: bytes | None = None
        self._failure: SourceError | None = None
        self._socket: socket.socket | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"http {self.name}", daemon=True)
        self._thread.start()

    def read(self, timeout_s: float) -> Frame | None:
        """The newest picture; SourceError once the camera refused, failed or ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._failure is not None, timeout_s)
            picture, self._newest = self._newest, None
            if picture is None:
                raise self._failure or TimeoutError
        index = self._index
        self._index += 1
        try:
            return Frame.now(self.name, index, MjpegStream().decode(picture, f"{self.name}, frame {index}"))
        except DamagedFrameError as problem:
            return Frame.now(self.name, index, problem)

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        with self._changed:
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        try:
            while self._fetch():
                if self._closed.wait(_SNAPSHOT_PAUSE_S):
                    return
            raise self._error("the camera ended its stream")
        except SourceError as problem:
            self._fail(problem)
        except TimeoutError as problem:
            self._fail(self._error("the camera does not answer"), problem)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            # ValueError: a socket shut down under a TLS read, and chunk sizes that are no numbers.
            self._fail(self._error(f"the camera cannot be read: {_reason(problem)}"), problem)

    def _fail(self, problem: SourceError, cause: Exception | None = None) -> None:
        problem.__cause__ = cause
        with self._changed:
            self._failure = problem
            self._changed.notify_all()

    def _fetch(self) -> bool:
        """Take pictures from one answer until it ends; whether the camera gives one picture an answer."""
        make = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        connection = make(self._address.host, self._address.port, timeout=_CONNECT_S)
        try:
            connection.connect()
            self._hold(connection.sock)
            connection.request("GET", self._address.target, headers=self._headers())
            with connection.getresponse() as answer:
                kind = self._checked(answer)
                return self._take_pictures(answer) == 1 and kind == "image/jpeg"
        finally:
            with self._changed:
                self._socket = None
            connection.close()

    def _hold(self, connected: socket.socket) -> None:
        """Let `close` reach the socket."""
        connected.settimeout(_SILENCE_S)
        with self._changed:
            self._socket = connected
        if self._closed.is_set():
            raise TimeoutError

    def _headers(self) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity", "User-Agent": "edgeferry"}
        if self._address.user is not None:
            pair = f"{self._address.user}:{self._address.password}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return headers

    def _checked(self, answer: http.client.HTTPResponse) -> str:
        """The content type of an answer that can be read."""
        if answer.status == 401:
            raise self._error("the camera refuses the user name or password (HTTP 401)")
        if answer.status != 200:
            raise self._error(f"the camera answers HTTP {answer.status}")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise self._error("the camera compresses its answer, although it was asked not to")
        kind = answer.headers.get_content_type()
        if kind not in _STREAMS:
            raise self._error(f"the camera answers with {kind[:80]}, not with JPEG pictures")
        return kind

    def _take_pictures(self, answer: http.client.HTTPResponse) -> int:
        stream, count = MjpegStream(), 0
        while data := answer.read1(_CHUNK_BYTES):
            stream.feed(data)
            while (picture := stream.next_picture()) is not None:
                count += 1
                self._put(picture)
        if left := stream.left_over():
            count += 1
            self._put(left)
        return count

    def _put(self, picture: bytes) -> None:
        with self._changed:
            self.skipped += self._newest is not None
            self._newest = picture
            self._changed.notify_all()

    def _error(self, what: str) -> SourceError:
        return SourceError(what, where=self._address.shown, fix=_FIX)


def _reason(problem: Exception) -> str:
    return (getattr(problem, "strerror", None) or str(problem) or type(problem).__name__).splitlines()[0][:200]
