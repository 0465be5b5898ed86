"""An HTTP server with files, ranges, and the habits of bad ones."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType


class FileServer:
    """Serves `folder` on a free loopback port.

    `refusals` are the statuses of the next answers; `cuts` the numbers of bytes after which the next answers break off.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refusals: list[int] = []
        self.cuts: list[int] = []
        self.asked: list[tuple[str, str | None]] = []
        """Path and Range of each request."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        asked_range = request.headers.get("Range")
        self.asked.append((request.path, asked_range))
        file = self.folder / request.path.lstrip("/")
        if self.refusals or not file.is_file():
            request.send_error(self.refusals.pop(0) if self.refusals else 404)
            return
        data, start = file.read_bytes(), 0
        if asked_range is not None:
            start = int(asked_range.removeprefix("bytes=").rstrip("-"))
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            request.send_response(200)
        request.send_header("Content-Length", str(len(data) - start))
        request.end_headers()
        request.wfile.write(data[start:][: self.cuts.pop(0)] if self.cuts else data[start:])
