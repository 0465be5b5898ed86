"""Real servers on loopback that take what is sent to them: HTTP, and as much SMTP as a client speaks."""

from __future__ import annotations

import contextlib
import http.server
import socketserver
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fleet.certificate import self_signed


class HookReceiver(http.server.ThreadingHTTPServer):
    """Keeps each request's headers and body; `status` is what it answers."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.status, self.location = 200, ""
        super().__init__(("127.0.0.1", 0), _Hook)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Hook(http.server.BaseHTTPRequestHandler):
    server: HookReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("location", self.server.location)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_said: Any) -> None:
        """Nothing on the screen."""


class MailReceiver(socketserver.ThreadingTCPServer):
    """Keeps each mail as (recipients, text), and who logged in; speaks TLS at once or after STARTTLS with `tls`."""

    allow_reuse_address = True

    def __init__(self, *, tls: ssl.SSLContext | None = None, at_once: bool = False, refuse: str = "") -> None:
        self.mails: list[tuple[list[str], str]] = []
        self.logins: list[str] = []
        self.encrypted: list[bool] = []
        self.tls, self.at_once, self.refuse = tls, at_once, refuse
        super().__init__(("127.0.0.1", 0), _Mail)

    def handle_error(self, *_said: Any) -> None:
        """A client that does not trust us goes away in the middle."""

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self.server_address[1]
        return port


class _Mail(socketserver.StreamRequestHandler):
    server: MailReceiver

    def setup(self) -> None:
        self.secure = False
        if self.server.at_once:
            self._encrypt()
        super().setup()

    def _encrypt(self) -> None:
        assert self.server.tls is not None
        self.request, self.secure = self.server.tls.wrap_socket(self.request, server_side=True), True

    def finish(self) -> None:
        self.rfile.close()
        self.request.close()  # an encrypted socket is not the one the server closes

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        recipients: list[str] = []
        self.say("220 receiver")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "EHLO":
                offered = ["receiver", "AUTH PLAIN"] + (["STARTTLS"] if self.server.tls and not self.secure else [])
                for name in offered[:-1]:
                    self.say(f"250-{name}")
                self.say(f"250 {offered[-1]}")
            elif word == "STARTTLS":
                self.say("220 go on")
                self.rfile.close()
                self.wfile.close()
                self._encrypt()
                super().setup()
            elif word == "AUTH":
                self.server.logins.append(line)
                self.say("235 welcome")
            elif word == "RCPT" and self.server.refuse:
                self.say(self.server.refuse)
            elif word == "RCPT":
                recipients.append(line.partition("<")[2].rstrip(">"))
                self.say("250 ok")
            elif word == "DATA":
                self.say("354 go on")
                text = b""
                while not text.endswith(b"\r\n.\r\n"):
                    text += self.rfile.readline()
                self.server.mails.append((recipients, text.decode()))
                self.server.encrypted.append(self.secure)
                self.say("250 taken")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


@contextlib.contextmanager
def receiving(server: Any) -> Iterator[Any]:
    """Serves meanwhile."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for `localhost`, and the file a client must trust."""
    chain, key = self_signed(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context, chain
