"""What a server may do to a download: how long it may be silent, how slow, and how many bytes it may send in all.

Every byte that is received passes a `Watch`, from the first of the answer's head on. It counts, lets them be paid for,
and gives up what is too slow, too much, or too late. How the answer is got is `edge/http_get.py`'s matter.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from edge.deadline import Deadline

_MOST_HEAD_BYTES = 64 * 1024
_LOOK_UP_S = 0.5
"""How often a silent connection looks at the deadline."""
_REQUEST_BYTES = 512
"""A request's head and the handshake of TCP, about."""
_HANDSHAKE_BYTES = 5 * 1024
"""A handshake of TLS with a chain of certificates, about."""


class RefusedError(Exception):
    """The server's last word, or an answer that is not to be taken. Never leaves the room: `DownloadError` does."""

    def __init__(self, what: str, *, fix: str | None = None) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


class BrokenError(Exception):
    """An attempt that failed; another one may not, `after_s` seconds later at the earliest."""

    def __init__(self, what: str, *, after_s: float = 0.0) -> None:
        super().__init__(what)
        self.what, self.after_s = what, after_s


class Patience(NamedTuple):
    """What a server may try ours with."""

    silence_s: float = 30.0
    """Without a byte."""
    window_s: float = 60.0
    least_bytes_per_s: float = 1024.0
    """On average over each window: whoever drips a byte now and then is not silent, and never done."""


PATIENCE = Patience()


class Watch:
    """Over all connections of one download: every byte that is received is counted here, and paid for.

    More than `most_bytes` in all are refused. `spend` may raise, and what it raises ends the download. Counted are
    the bytes of HTTP as they come, and 512 a request (5.5 KiB with TLS) for what is sent and for handshakes; not the
    wrapping of TLS, TCP and IP, which is 3 to 5 % of a download.
    """

    def __init__(
        self,
        deadline: Deadline,
        spend: Callable[[int], None],
        *,
        most_bytes: float = math.inf,
        patience: Patience = PATIENCE,
    ) -> None:
        self.received = 0
        self.patience = patience
        self._deadline, self._spend, self._most_bytes = deadline, spend, most_bytes
        self._unpaid, self._head_bytes, self._in_head = 0, 0, True
        self._window_began, self._window_bytes = 0.0, 0

    def connecting(self, *, tls: bool) -> float:
        """A request is about to be sent; the seconds it may take to be connected."""
        self._deadline.check()
        self._unpaid += _REQUEST_BYTES + (_HANDSHAKE_BYTES if tls else 0)
        self._head_bytes, self._in_head = 0, True
        self._window_began, self._window_bytes = time.monotonic(), 0
        return min(self.patience.silence_s, self._deadline.left_s())

    def body_begins(self) -> None:
        """The head of the answer is over."""
        self._in_head = False

    def pay(self) -> None:
        """Spend what has come since the last time."""
        unpaid, self._unpaid = self._unpaid, 0
        if unpaid:
            self._spend(unpaid)

    def receive_into(self, sock: socket.socket, buffer: Any) -> int:
        """One `recv_into`, which ends with the deadline, the agent, or the patience."""
        silent_since, timeout_s = time.monotonic(), sock.gettimeout()
        sock.settimeout(min(_LOOK_UP_S, self.patience.silence_s))
        try:
            while True:
                self._deadline.check()
                try:
                    count = sock.recv_into(buffer)
                except TimeoutError:
                    if time.monotonic() - silent_since >= self.patience.silence_s:
                        raise BrokenError(f"nothing came for {self.patience.silence_s:g} s") from None
                else:
                    self._count(count)
                    return count
        finally:
            sock.settimeout(timeout_s)

    def _count(self, count: int) -> None:
        self.received += count
        self._unpaid += count
        if self.received > self._most_bytes:
            raise RefusedError(f"the server has sent {self.received} bytes, far more than was asked for")
        self._head_bytes += count if self._in_head else 0
        if self._head_bytes > _MOST_HEAD_BYTES:
            raise BrokenError("the head of the answer does not end")
        self._check_pace(count)

    def _check_pace(self, count: int) -> None:
        self._window_bytes += count
        elapsed_s = time.monotonic() - self._window_began
        if elapsed_s < self.patience.window_s:
            return
        if self._window_bytes < elapsed_s * self.patience.least_bytes_per_s:
            raise BrokenError(f"only {self._window_bytes} bytes came in {elapsed_s:.0f} s")
        self._window_began, self._window_bytes = time.monotonic(), 0
