"""MQTT 3.1.1 packets as bytes, as far as a device needs them: connect with a will, subscribe, publish at QoS 1.

Pure: `connection.py` has the socket. Five thousand clients of a general library cost more processor time than the
devices they stand for, so the few packets a device speaks are spelled here (OASIS MQTT 3.1.1, chapters 2 and 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 2, 3, 4, 9, 13
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"
_LARGEST_LENGTH_BYTES = 4


class Packet(NamedTuple):
    """One received packet."""

    kind: int
    flags: int
    body: bytes


class Published(NamedTuple):
    """A message the broker hands over."""

    topic: str
    payload: bytes
    number: int | None
    """To be confirmed; None at QoS 0."""


def connect(
    client_id: str,
    *,
    keepalive_s: int,
    will: tuple[str, bytes],
    username: str | None = None,
    password: str | None = None,
) -> bytes:
    """A clean session with a retained last will at QoS 1."""
    flags = 0b0010_1110 | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    body = b"\x00\x04MQTT\x04" + bytes([flags]) + keepalive_s.to_bytes(2, "big")
    body += _text(client_id) + _text(will[0]) + _bytes(will[1])
    body += b"".join(_text(word) for word in (username, password) if word is not None)
    return _packet(0x10, body)


def subscribe(number: int, topics: Sequence[str]) -> bytes:
    """At QoS 1."""
    return _packet(0x82, number.to_bytes(2, "big") + b"".join(_text(topic) + b"\x01" for topic in topics))


def publish(number: int, topic: str, payload: bytes, *, retain: bool) -> bytes:
    """At QoS 1."""
    return _packet(0x32 | retain, _text(topic) + number.to_bytes(2, "big") + payload)


def puback(number: int) -> bytes:
    """We have it."""
    return b"\x40\x02" + number.to_bytes(2, "big")


def published(packet: Packet) -> Published:
    """The message in a PUBLISH packet."""
    size = int.from_bytes(packet.body[:2], "big")
    topic, rest = packet.body[2 : 2 + size].decode(), packet.body[2 + size :]
    if packet.flags & 0b110 == 0:
        return Published(topic, rest, None)
    return Published(topic, rest[2:], int.from_bytes(rest[:2], "big"))


class Reader:
    """Cuts a stream of bytes into packets."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Every packet that is whole now; ValueError for what is no MQTT."""
        self._held += data
        while (found := self._head()) is not None:
            begin, size = found
            if len(self._held) < begin + size:
                return
            first = self._held[0]
            body = bytes(self._held[begin : begin + size])
            del self._held[: begin + size]
            yield Packet(first >> 4, first & 0x0F, body)

    def _head(self) -> tuple[int, int] | None:
        """Where the first packet's body begins, and its length."""
        size = 0
        for place in range(1, _LARGEST_LENGTH_BYTES + 1):
            if place >= len(self._held):
                return None
            byte = self._held[place]
            size |= (byte & 0x7F) << (7 * (place - 1))
            if byte < 0x80:
                return place + 1, size
        raise ValueError("no MQTT packet is that long")


def _packet(first: int, body: bytes) -> bytes:
    size, length = len(body), bytearray()
    while True:
        size, byte = size >> 7, size & 0x7F
        length.append(byte | (0x80 if size else 0))
        if not size:
            return bytes([first]) + bytes(length) + body


def _bytes(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _text(text: str) -> bytes:
    return _bytes(text.encode())
