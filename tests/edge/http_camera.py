"""A camera that speaks HTTP on loopback, with the habits of bad ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

import cv2

from tests.edge.colours import plain

PICTURE: bytes = cv2.imencode(".jpg", plain("red"))[1].tobytes()
MULTIPART = "multipart/x-mixed-replace; boundary=frame"


def part(picture: bytes = PICTURE) -> bytes:
    """One picture of a multipart stream."""
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(picture), picture)


class HttpCamera:
    """Answers each request with `body`, an endless iterator of bytes written at `frames_per_s`.

    `habit` may be set at any time: `sound`, `hang` (nothing more is written), `garbage`, `slow` (a byte at a time),
    `cut` (half a picture, then the end), `end`, `refuse` (connections are closed at once).
    """

    def __init__(self, *, port: int = 0, frames_per_s: float = 100.0, kind: str = MULTIPART) -> None:
        self.habit, self.kind, self.status = "sound", kind, 200
        self.headers: dict[str, str] = {}
        self.seen: list[dict[str, str]] = []
        self.body: Callable[[], Iterator[bytes]] = self._pictures
        self._pause_s = 1 / frames_per_s
        self._stopping = False
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def stopped(self) -> bool:
        return self._stopping

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video"

    def __enter__(self) -> HttpCamera:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Tests are quiet."""

        return Handler

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.seen.append(dict(request.headers))
        request.close_connection = True
        if self.habit == "refuse":
            return
        while self.habit == "hang" and not self._stopping:
            time.sleep(0.005)
        try:
            request.send_response(self.status)
            request.send_header("Content-Type", self.kind)
            for name, value in self.headers.items():
                request.send_header(name, value)
            request.end_headers()
            for data in self.body():
                request.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def _pictures(self) -> Iterator[bytes]:
        while not self._stopping:
            time.sleep(self._pause_s)
            match self.habit:
                case "sound":
                    yield part()
                case "garbage":
                    yield bytes(range(200)) * 20
                case "slow":
                    yield b"x"
                case "cut":
                    yield part()[: len(PICTURE) // 2]
                    return
                case "end" | "refuse":
                    return
