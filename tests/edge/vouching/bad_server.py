"""A server below HTTP: after each request a function does with the connection what it likes."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

Behaviour = Callable[[socket.socket, threading.Event], None]
"""Gets the connection and an event that is set when the test is over."""


class BadServer:
    """On a free loopback port, one thread a connection; over TLS when there is a context."""

    def __init__(self, behave: Behaviour, context: ssl.SSLContext | None = None) -> None:
        self._behave, self._context = behave, context
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self.requests: list[bytes] = []

    def url(self, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self._listening.getsockname()[1]}"

    def __enter__(self) -> BadServer:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._over.is_set():
                connection, _ = self._listening.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, plain: socket.socket) -> None:
        with suppress(OSError), plain:
            connection = self._context.wrap_socket(plain, server_side=True) if self._context else plain
            with connection:
                self.requests.append(connection.recv(4096))
                self._behave(connection, self._over)


def answering(body: bytes, *headers: str, status: str = "200 OK") -> Behaviour:
    """A well-behaved answer of known length."""
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""])
    return lambda connection, _over: connection.sendall(head.encode() + body)


def saying(data: bytes) -> Behaviour:
    """Exactly these bytes, then the end."""
    return lambda connection, _over: connection.sendall(data)


def dripping(start: bytes, drop: bytes) -> Behaviour:
    """`drop` again and again, some fifty a second."""

    def behave(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        while not over.wait(0.02):
            connection.sendall(drop)

    return behave


def flooding(start: bytes) -> Behaviour:
    """As much as is taken."""

    def behave(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        while not over.is_set():
            connection.sendall(b" " * 65536)

    return behave


def silent(_connection: socket.socket, over: threading.Event) -> None:
    """Nothing at all, with the connection open."""
    over.wait()
