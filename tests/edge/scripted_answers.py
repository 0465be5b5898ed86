"""What `FileServer.scripts` holds: answers written by hand, byte by byte, as no good server would give them."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

Script = Callable[[BaseHTTPRequestHandler], None]
OK, PARTIAL, CHUNKED = "HTTP/1.1 200 OK", "HTTP/1.1 206 Partial Content", "Transfer-Encoding: chunked"


def head(*lines: str) -> bytes:
    """The head of an answer, with the empty line that ends it."""
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")


def says(*lines: str, body: bytes = b"") -> Script:
    """Exactly this, and then it hangs up."""
    return lambda request: request.wfile.write(head(*lines) + body)


def endless(first: bytes, chunk: bytes) -> Script:
    """`chunk` again and again, for as long as anybody listens."""

    def script(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(first)
        while True:
            request.wfile.write(chunk)

    return script


def moved(location: str) -> Script:
    """Look there."""
    return says("HTTP/1.1 302 Found", f"Location: {location}")
