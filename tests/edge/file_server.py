"""An HTTP server with files, ranges, and the habits of bad ones."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType


class FileServer:
    """Serves `folder` on a free loopback port.

    `refusals` are the statuses of the next answers; `cuts` the numbers of bytes after which the next answers break off;
    `scripts` give whole answers of their own. With a `tls` context it is a server for https.
    """

    def __init__(self, folder: Path, *, tls: ssl.SSLContext | None = None) -> None:
        self.folder = folder
        self.refusals: list[int] = []
        self.cuts: list[int] = []
        self.scripts: list[Callable[[BaseHTTPRequestHandler], None]] = []
        self.etag: str | None = None
        self.ranges = True
        """Whether a Range is heeded."""
        self.asked: list[tuple[str, str | None]] = []
        """Path and Range of each request."""
        self.conditions: list[str | None] = []
        """If-Range of each request."""
        self.sent_bytes = 0
        """Of all bodies, scripted ones aside."""
        self.ending = threading.Event()
        """For scripts that would never end by themselves."""
        self._scheme = "https" if tls else "http"
        self._server = _QuietServer(("127.0.0.1", 0), self._handler())
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Tests are quiet."""

        return Handler

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One file, or the rest of it."""
        asked_range, condition = request.headers.get("Range"), request.headers.get("If-Range")
        self.asked.append((request.path, asked_range))
        self.conditions.append(condition)
        if self.scripts:
            self.scripts.pop(0)(request)
            return
        file = self.folder / request.path.lstrip("/")
        if self.refusals or not file.is_file():
            request.send_error(self.refusals.pop(0) if self.refusals else 404)
            return
        data = file.read_bytes()
        start = int(asked_range.removeprefix("bytes=").rstrip("-")) if asked_range else 0
        if start >= len(data) > 0:
            request.send_error(416)
            return
        if not self.ranges or condition not in (None, self.etag):
            asked_range, start = None, 0
        self._send(request, data, start, partial=asked_range is not None)

    def _send(self, request: BaseHTTPRequestHandler, data: bytes, start: int, *, partial: bool) -> None:
        request.send_response(206 if partial else 200)
        if partial:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if self.etag is not None:
            request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(data) - start))
        request.end_headers()
        body = data[start:][: self.cuts.pop(0)] if self.cuts else data[start:]
        self.sent_bytes += len(body)
        request.wfile.write(body)


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients may hang up."""
