"""One child process with a model in it, seen from the parent: start it, wait for it, ask it, end it.

What it does inside is `edge/worker.py`'s matter; when to start another, `edge/isolated.py`'s.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time

from edge.memory import resident_bytes
from edge.process_end import ProcessLostError, end_now, how_it_ended
from edge.worker import LARGEST_MESSAGE_BYTES, RUN, Done, Failed, Ready, Start, from_packet, to_packet

_STANDARD_ERROR = 2


class WorkerProcess:
    """A worker that is starting, until `ready` gave its answer. Not for two threads at a time, but for `kill`.

    OSError where the system has no room for a process.
    """

    def __init__(self, start: Start, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._must_be_ready_by = time.monotonic() + timeout_s
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = _started(theirs.fileno(), start)
        except OSError:
            self._connection.close()
            raise
        finally:
            theirs.close()
        self._connection.send(to_packet(start))
        self._unasked = select.poll()
        self._unasked.register(self._connection, select.POLLIN)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def ready(self, patience_s: float) -> Ready | None:
        """What it opened, or None when it takes longer than `patience_s`.

        ProcessLostError when it ended or its time to start is over; the FerryError it sent where the model is refused.
        """
        left_s = max(0.0, self._must_be_ready_by - time.monotonic())
        self._connection.settimeout(max(min(patience_s, left_s), 1e-3))
        try:
            reply = self._receive()
        except TimeoutError:
            if left_s > patience_s:
                return None
            raise ProcessLostError("hung", f"did not have the model ready within {self._timeout_s:.1f} s") from None
        if isinstance(reply, Ready):
            return reply
        raise ProcessLostError("protocol", "answered out of turn")

    def ask(self) -> None:
        """Have it run what is in the shared memory; `answer` says how that went, also when it is gone."""
        with contextlib.suppress(ConnectionError):
            self._connection.send(RUN)

    def answer(self, patience_s: float) -> Done | None:
        """None when it takes longer than `patience_s`. BackendError from the library, ProcessLostError."""
        self._connection.settimeout(patience_s)
        try:
            reply = self._receive()
        except TimeoutError:
            return None
        if isinstance(reply, Done):
            return reply
        raise ProcessLostError("protocol", "answered out of turn")

    def check(self) -> None:
        """ProcessLostError when it ended while nobody asked it anything. A microsecond."""
        if self._unasked.poll(0):
            raise how_it_ended(self._process)

    def resident_bytes(self) -> int:
        """Memory it holds; 0 when it is gone."""
        return resident_bytes(pid=self.pid)

    def kill(self) -> None:
        """End it now, whatever it does; it has nothing to save."""
        end_now(self._process)
        self._connection.close()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _receive(self) -> Ready | Done:
        try:
            packet = self._connection.recv(LARGEST_MESSAGE_BYTES)
        except ConnectionError:
            packet = b""
        if not packet:
            raise how_it_ended(self._process)
        reply = from_packet(packet)
        if isinstance(reply, Failed):
            raise reply.trouble.as_error()
        return reply


def _started(connection: int, start: Start) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "edge.worker", str(connection)],
        stdin=subprocess.PIPE,
        # Results may go to standard output, and a library must not write between them.
        stdout=_STANDARD_ERROR,
        pass_fds=(connection, start.model, start.tensors),
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        # Ctrl-C in a terminal goes to the whole group; this process ends when the parent says so.
        start_new_session=True,
    )
