"""The program of a vision process: `python -m edge.vision.child HANDLE`, started by `edge/vision/supervisor.py`.

It hangs on its parent: when the agent goes, the kernel ends this process. SIGTERM and Ctrl-C are the agent's to hear.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading

# Before numpy: its BLAS would start a thread a core, and nothing here multiplies large matrices outside a library.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from contract.errors import FerryError
from edge.trouble import Trouble
from edge.vision.messages import LARGEST_MESSAGE_BYTES, Ended, Said, begin_of, order_of, to_packet
from edge.vision.work import Work
from edge.worker import end_with_parent


class _Line:
    """The connection to the agent, spoken to from several threads."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._lock = connection, threading.Lock()

    def say(self, message: Said) -> None:
        """One packet. An agent that is gone takes this process with it, so nobody is told."""
        with self._lock:
            self._connection.send(to_packet(message))

    def hear(self) -> bytes:
        """The next packet; empty when the agent hung up."""
        return self._connection.recv(LARGEST_MESSAGE_BYTES)


def main(line: _Line) -> None:
    """Begin, serve, obey; in waiting it may never be asked to."""
    packet = line.hear()
    if not packet:
        return
    begin = begin_of(packet)
    try:
        work = Work(begin, line.say)
    except FerryError as problem:
        line.say(Ended(trouble=Trouble.of(problem)))
        return
    gc.freeze()
    line.say(work.serving())
    threading.Thread(target=_obey, args=(line, work), name="orders", daemon=True).start()
    line.say(work.run())


def _obey(line: _Line, work: Work) -> None:
    while packet := line.hear():
        work.obey(order_of(packet))


if __name__ == "__main__":
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with socket.socket(fileno=int(sys.argv[1])) as agent:
        main(_Line(agent))
