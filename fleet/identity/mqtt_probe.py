"""Just enough MQTT 3.1.1 over TLS to see what a broker lets somebody do: connect, subscribe, publish, listen.

A real client mends what goes wrong; a probe wants to see it. OASIS MQTT Version 3.1.1, chapters 2 and 3.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from types import TracebackType

_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _SUBSCRIBE, _SUBACK = 1, 2, 3, 4, 8, 9
_MOST_BYTES = 1 << 20


class Probe:
    """One connection. OSError where there is none, or it ends: for a TLS refusal ssl.SSLError or ConnectionError."""

    def __init__(
        self, host: str, port: int, context: ssl.SSLContext, client_id: str, *, timeout_s: float = 5.0
    ) -> None:
        self._timeout_s, self._number = timeout_s, 0
        self.heard: list[tuple[str, bytes]] = []
        """Messages that came, in their order."""
        plain = socket.create_connection((host, port), timeout=timeout_s)
        try:
            self._socket = context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
        try:
            self._send(_CONNECT << 4, _text("MQTT") + bytes((4, 2, 0, 60)) + _text(client_id))
            self.code = self._await(_CONNACK)[1]
            """The broker's word: 0 is welcome, 5 not authorised."""
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Probe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def subscribe(self, pattern: str) -> None:
        """Ask for messages; whether any come is another matter."""
        self._send(_SUBSCRIBE << 4 | 2, self._next() + _text(pattern) + b"\x01")
        self._await(_SUBACK)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """With QoS 1, until the broker has it; mosquitto confirms what it throws away, too."""
        self._send(_PUBLISH << 4 | 2 | retain, _text(topic) + self._next() + payload)
        self._await(_PUBACK)

    def wait_for(self, payload: bytes) -> bool:
        """Whether this message comes in time."""
        try:
            while all(said != payload for _, said in self.heard):
                self._await(_PUBLISH)
        except TimeoutError:
            return False
        return True

    def _next(self) -> bytes:
        self._number += 1
        return struct.pack(">H", self._number)

    def _send(self, head: int, body: bytes) -> None:
        self._socket.sendall(bytes((head,)) + _length(len(body)) + body)

    def _await(self, wanted: int) -> bytes:
        until = time.monotonic() + self._timeout_s
        while time.monotonic() < until:
            kind, body = self._packet()
            if kind >> 4 == _PUBLISH:
                self._hear(kind, body)
            if kind >> 4 == wanted:
                return body
        raise TimeoutError("no answer from the broker")

    def _hear(self, kind: int, body: bytes) -> None:
        size = struct.unpack_from(">H", body)[0]
        topic, at = body[2 : 2 + size].decode(), 2 + size
        if kind & 6:
            self._send(_PUBACK << 4, body[at : at + 2])
            at += 2
        self.heard.append((topic, body[at:]))

    def _packet(self) -> tuple[int, bytes]:
        kind = self._exactly(1)[0]
        size = shift = 0
        while True:
            byte = self._exactly(1)[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        if size > _MOST_BYTES:
            raise ConnectionError("the broker sends too much")
        return kind, self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._socket.recv(size - len(data))
            if not piece:
                raise ConnectionResetError("the broker hung up")
            data += piece
        return data


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _length(size: int) -> bytes:
    data = bytearray()
    while True:
        size, digit = divmod(size, 128)
        data.append(digit | 128 if size else digit)
        if not size:
            return bytes(data)
