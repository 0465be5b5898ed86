"""The line to systemd, read back from a real socket."""

from __future__ import annotations

import socket
from pathlib import Path

from edge.systemd import Notifier


def test_nothing_is_said_when_nobody_listens(tmp_path: Path) -> None:
    Notifier({}).ready("serving")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "absent")}).ready("serving")


def test_a_watchdog_is_fed_a_few_times_a_period_and_not_with_every_frame(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(0.0)
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "60000000"})
        notifier.alive()
        notifier.ready("serving")
        for _ in range(100):
            notifier.alive()
        notifier.stopping()
        said = [systemd.recv(100) for _ in range(3)]
        assert said == [b"READY=1\nSTATUS=serving", b"WATCHDOG=1", b"STOPPING=1"]


def test_an_abstract_socket_is_spoken_to(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{tmp_path}")
        Notifier({"NOTIFY_SOCKET": f"@{tmp_path}"}).ready("serving tiny@1")
        assert systemd.recv(100) == b"READY=1\nSTATUS=serving tiny@1"
