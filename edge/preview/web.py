"""The preview's HTTP server: a page, a stream of pictures, and the figures. It serves no files and takes no orders.

    /                          the page, whole in one answer
    /stream?source=NAME        pictures as MJPEG (multipart/x-mixed-replace); without NAME whichever comes
    /stream?…&answers=1        the same, each picture preceded by its answer as a JSON part: the page draws both at once
    /state                     the figures as one JSON object
    /events                    the same every second, as server-sent events; first the windows of the last minutes

Frames and figures come from whoever implements `Programme`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import ipaddress
import socket
import threading
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from contract.errors import ConfigError
from edge.preview.feed import Feed, Shown

MOST_VIEWERS = 8
"""Of pictures, and as many of events: a page is one of each."""
_MOST_CONNECTIONS = 32
_PATIENCE_S = 10.0
"""A client that neither reads nor writes for so long is gone."""
_SEND_BUFFER_BYTES = 1 << 17
"""The kernel would grow it to megabytes, and a slow viewer would see pictures many seconds old."""
_EVERY_S = 1.0
_BOUNDARY = "frame"
_HTML, _JSON, _TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"


class Programme(Protocol):
    """What there is to see."""

    def closing(self) -> bool: ...
    def feed(self, source: str | None) -> Feed | None: ...
    def state(self) -> bytes: ...
    def past(self) -> bytes: ...
    def pause(self, seconds: float) -> None: ...
    def sent(self, size_bytes: int, *, pictures: int = 0) -> None: ...


class Server:
    """Listens from the moment it is made; answers from `start` until `close`."""

    def __init__(self, host: str, port: int, programme: Programme) -> None:
        self._http = _listening(host, port)
        self._http.programme, self._http.names = programme, _names(host)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), name="preview", daemon=True)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._http.server_address[1]}/"

    @property
    def viewers(self) -> int:
        """Who gets pictures at this moment."""
        return self._http.places["stream"]

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening and cut every connection, also one that is blocked in a write."""
        if self._thread.is_alive():
            self._http.shutdown()
        self._http.server_close()
        self._http.cut_all()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    programme: Programme
    names: frozenset[str] | None
    """What the page may be called in a request; None for anything."""

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.places = {"stream": 0, "events": 0}
        super().__init__(*arguments)

    def server_bind(self) -> None:
        # Not HTTPServer's, which asks the name server who we are and may wait for it.
        TCPServer.server_bind(self)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        with self._lock:
            return len(self._open) < _MOST_CONNECTIONS

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def cut_all(self) -> None:
        with self._lock:
            for request in self._open:
                with contextlib.suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def place(self, kind: str) -> Iterator[bool]:
        """Room for one more viewer, and whether there is any."""
        with self._lock:
            free = self.places[kind] < MOST_VIEWERS
            self.places[kind] += free
        try:
            yield free
        finally:
            with self._lock:
                self.places[kind] -= free


class _Http6(_Http):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    timeout = _PATIENCE_S
    disable_nagle_algorithm = True
    server: _Http

    def setup(self) -> None:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        super().setup()

    def handle(self) -> None:
        # Viewers come and go, and `close` cuts those who stay.
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a device's log is for the device."""

    def version_string(self) -> str:
        return "edgeferry"

    def do_GET(self) -> None:
        """The one verb."""
        path, _, query = self.path.partition("?")
        if not self._is_called_by_its_name():
            self._answer(403, _TEXT, b"This page goes by another name; open the address edgeferry printed.\n")
        elif path == "/":
            page, policy = _page()
            self._answer(200, _HTML, page, {"Content-Security-Policy": policy})
        elif path == "/state":
            self._answer(200, _JSON, self.server.programme.state())
        elif path in ("/stream", "/events"):
            self._serve_viewer(path[1:], {key: values[-1] for key, values in parse_qs(query).items()})
        else:
            self._answer(404, _TEXT, b"There is /, /stream, /state and /events.\n")

    def _is_called_by_its_name(self) -> bool:
        """A page of somebody else's whose name was made to point here (DNS rebinding) sends that name."""
        try:
            name = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        except ValueError:
            return False
        return self.server.names is None or name in self.server.names

    def _serve_viewer(self, kind: str, query: dict[str, str]) -> None:
        with self.server.place(kind) as free:
            if not free:
                self._answer(503, _TEXT, f"{MOST_VIEWERS} are watching already; close one of them.\n".encode())
            elif kind == "events":
                self._tell()
            elif (feed := self.server.programme.feed(query.get("source"))) is None:
                self._answer(404, _TEXT, b"No frame has come from a source of that name; /state lists them.\n")
            else:
                self._show(feed, with_answers="answers" in query)

    def _show(self, feed: Feed, *, with_answers: bool) -> None:
        self._begin(200, f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self._send(f"--{_BOUNDARY}\r\n".encode())
        number = 0
        while not self.server.programme.closing():
            shown = feed.after(number, _EVERY_S, self.server.programme.closing)
            if shown is not None:
                number = shown.number
                self._send(_parts(shown, with_answers), pictures=shown.jpeg is not None)
            elif self._has_gone():
                return

    def _tell(self) -> None:
        self._begin(200, "text/event-stream")
        self._send(b"event: past\ndata: " + self.server.programme.past() + b"\n\n")
        while not self.server.programme.closing():
            self._send(b"event: state\ndata: " + self.server.programme.state() + b"\n\n")
            self.server.programme.pause(_EVERY_S)

    def _has_gone(self) -> bool:
        """Whether the viewer hung up, which nothing else tells while there is nothing to send."""
        self.connection.setblocking(False)
        try:
            return not self.connection.recv(1)
        except BlockingIOError:
            return False
        finally:
            self.connection.settimeout(_PATIENCE_S)

    def _answer(self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        self._begin(status, kind, {"Content-Length": str(len(body)), **(headers or {})})
        self._send(body)

    def _begin(self, status: int, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        always = {
            "Content-Type": kind,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            # Nobody else's page may show these pictures, not even as an image.
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        for name, value in {**always, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, data: bytes, *, pictures: int = 0) -> None:
        # Counted beforehand: whoever has it in hand finds it in the account, and what was cut off is counted too.
        self.server.programme.sent(len(data), pictures=pictures)
        self.wfile.write(data)


def _listening(host: str, port: int) -> _Http:
    where = f"--preview {port}"
    if not 0 <= port <= 65535:
        raise ConfigError(f"{port} is no port", where=where, fix="Choose one from 1024 to 65535.")
    try:
        return (_Http6 if ":" in host else _Http)((host, port), _Handler)
    except OSError as problem:
        raise ConfigError(
            f"the preview cannot listen at {host}: {problem.strerror}",
            where=where,
            fix="Choose another port or address.",
        ) from problem


def _names(host: str) -> frozenset[str] | None:
    """What a browser on this machine calls us. Beyond the machine any name may be right."""
    try:
        own = ipaddress.ip_address(host).is_loopback
    except ValueError:
        own = host == "localhost"
    return frozenset({"localhost", "127.0.0.1", "::1", host}) if own else None


def _parts(shown: Shown, with_answers: bool) -> bytes:
    answer = _part(_JSON, shown.answer) if with_answers else b""
    return answer + (_part("image/jpeg", shown.jpeg) if shown.jpeg is not None else b"")


def _part(kind: str, body: bytes) -> bytes:
    """A part with the boundary behind it: browsers show a picture once its end is told, not when the next one comes."""
    head = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body + f"\r\n--{_BOUNDARY}\r\n".encode()


@cache
def _page() -> tuple[bytes, str]:
    """The page with its look and its script inside, and the policy that lets nothing else run."""
    html, css, script = ((Path(__file__).parent / f"page.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    page = html.replace("/* page.css */", css).replace("/* page.js */", script)
    policy = (
        f"default-src 'none'; script-src {_fingerprint(script)}; style-src {_fingerprint(css)}; img-src data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page.encode(), policy


def _fingerprint(text: str) -> str:
    """As Content Security Policy level 3 names an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
