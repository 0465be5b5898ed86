"""One vision process seen from the agent: start it, hear it, give it orders, end it.

What it does inside is `edge/vision/child.py`'s matter; when to start another, `edge/vision/supervisor.py`'s.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence

from edge.memory import resident_bytes
from edge.process_end import end_now, how_it_ended
from edge.vision.messages import LARGEST_MESSAGE_BYTES, Begin, Order, Said, said_of, to_packet

PROGRAM = (sys.executable, "-m", "edge.vision.child")


class VisionProcess:
    """Waits for its `Begin` once it is started. OSError where the system has no room for a process."""

    def __init__(self, program: Sequence[str] = PROGRAM) -> None:
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [*program, str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                # Ctrl-C in a terminal goes to the whole group; this process ends when the agent says so.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def order(self, order: Order | Begin) -> bool:
        """Send it; False when nobody is there to hear it."""
        try:
            self._connection.send(to_packet(order))
        except OSError:
            return False
        return True

    def hear(self, timeout_s: float) -> Said | None:
        """The next message; None when there is none within `timeout_s`. ProcessLostError when the process ended."""
        self._connection.settimeout(timeout_s)
        try:
            packet = self._connection.recv(LARGEST_MESSAGE_BYTES)
        except TimeoutError:
            return None
        except OSError:
            packet = b""
        if not packet:
            raise how_it_ended(self._process)
        return said_of(packet)

    def resident_bytes(self) -> int:
        """Memory it holds; 0 when it is gone."""
        return resident_bytes(pid=self._process.pid)

    def kill(self) -> None:
        """End it now, whatever it does; everything worth keeping has been said."""
        end_now(self._process)
        self._connection.close()
        assert self._process.stdin is not None
        self._process.stdin.close()
