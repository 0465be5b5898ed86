"""What the agent tells systemd, when systemd started it: ready, alive, stopping (sd_notify(3)).

The protocol is one datagram of `KEY=value` lines to the socket in NOTIFY_SOCKET, so no library is needed. Without
that variable nothing is sent.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

log = logging.getLogger(__name__)


class Notifier:
    """The line to systemd. `alive` may be called for every frame; it speaks a few times a watchdog period."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        period_us = environment.get("WATCHDOG_USEC", "")
        self._every_s = int(period_us) / 3e6 if period_us.isdigit() else None
        self._last_alive_s = float("inf")
        """Nobody waits for progress before the agent is ready."""

    def ready(self, status: str) -> None:
        """The agent serves; `status` is shown by `systemctl status`."""
        self._send(f"READY=1\nSTATUS={status}")
        self._last_alive_s = float("-inf")

    def alive(self) -> None:
        """A frame has been through. Said only by real progress, so a stuck camera or model ends in a restart."""
        now_s = time.monotonic()
        if self._every_s is not None and now_s - self._last_alive_s >= self._every_s:
            self._last_alive_s = now_s
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The agent is on its way out."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.sendto(message.encode(), self._address)
        except OSError as problem:
            log.warning("systemd cannot be told %r: %s", message, problem)
