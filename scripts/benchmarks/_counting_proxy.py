"""A TCP proxy on loopback that counts what passes to and from one side: bytes, and the segments they took.

Segments are the kernel's own count for the connection (TCP_INFO, linux/tcp.h), so bare acknowledgements, the handshake
and the goodbye are in it.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple

_SEGMENTS_AT = 136
"""Of `tcpi_segs_out` in `struct tcp_info`, since Linux 4.2."""


class Passed(NamedTuple):
    """Both directions together."""

    bytes: int = 0
    segments: int = 0
    records: int = 0
    """Reads that returned data: what TLS would wrap one by one, where a read is a small message."""

    def since(self, before: Passed) -> Passed:
        """What came after `before`."""
        return Passed(*(now - then for now, then in zip(self, before, strict=True)))


class CountingProxy:
    """Listens once entered; `url` leads through it to the broker on `port`."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        self._lock = threading.Lock()
        self._bytes = self._records = self._ended_segments = 0
        self._near: list[socket.socket] = []

    @property
    def passed(self) -> Passed:
        """Until now."""
        with self._lock:
            open_segments = sum(map(_segments, self._near))
            return Passed(self._bytes, self._ended_segments + open_segments, self._records)

    def __enter__(self) -> CountingProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown(socket.SHUT_RDWR)  # closing alone leaves the thread in accept for good
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            with self._lock:
                self._near.append(near)
            threading.Thread(target=self._join, args=(near, far), daemon=True).start()

    def _join(self, near: socket.socket, far: socket.socket) -> None:
        back = threading.Thread(target=self._pass, args=(far, near), daemon=True)
        back.start()
        self._pass(near, far)
        back.join()
        with self._lock:
            self._ended_segments += _segments(near)
            self._near.remove(near)
        near.close()
        far.close()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                with self._lock:
                    self._bytes += len(data)
                    self._records += 1
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def _segments(near: socket.socket) -> int:
    """Sent and received on this connection: `tcpi_segs_out` and `tcpi_segs_in`."""
    data = near.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return sum(struct.unpack_from("=II", data, _SEGMENTS_AT))
