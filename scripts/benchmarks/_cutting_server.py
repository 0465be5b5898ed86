"""A file server in a process of its own that gives up in the middle, and counts every byte of a body it has sent.

    python -m scripts.benchmarks._cutting_server FILE PLACES ENDING

PLACES are offsets in the file, comma-separated and ascending: each answer goes as far as the next one. Then it hangs
up (`cut`, in turn orderly and by a reset), or falls silent until the client is gone (`stall`); with `slow` its line
carries 1 MB/s besides. The first line of its output is its port; `GET /sent` answers with the count.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import socket
import struct
import sys
import termios
import time
from pathlib import Path

_SLOW_BYTES = 10_000


def main(file: Path, places: list[int], ending: str) -> None:
    """Until killed."""
    sent, connections, size = 0, 0, file.stat().st_size
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)  # noqa: T201
        while True:
            connection, _ = listening.accept()
            with connection:
                asked = _head(connection)
                if asked.startswith(b"GET /sent"):
                    _say(connection, "200 OK", f"Content-Length: {len(str(sent))}", str(sent).encode())
                    continue
                found = re.search(rb"Range: bytes=(\d+)-", asked)
                start = int(found[1]) if found else 0
                end = places.pop(0) if places else size
                _say(connection, *_status(start, size, partial=found is not None))
                sent += _send(connection, file, start, end, slow=ending == "slow")
                connections += 1
                if end < size:
                    _end(connection, ending, reset=connections % 2 == 0)


def _head(connection: socket.socket) -> bytes:
    asked = b""
    while b"\r\n\r\n" not in asked and (more := connection.recv(4096)):
        asked += more
    return asked


def _status(start: int, size: int, *, partial: bool) -> tuple[str, str]:
    length = f'ETag: "1"\r\nContent-Length: {size - start}'
    if not partial:
        return "200 OK", length
    return "206 Partial Content", f"{length}\r\nContent-Range: bytes {start}-{size - 1}/{size}"


def _say(connection: socket.socket, status: str, lines: str, body: bytes = b"") -> None:
    connection.sendall(f"HTTP/1.1 {status}\r\n{lines}\r\nConnection: close\r\n\r\n".encode() + body)


def _send(connection: socket.socket, file: Path, start: int, end: int, *, slow: bool) -> int:
    """How much went out before the client hung up."""
    step = _SLOW_BYTES if slow else max(1, end - start)
    with file.open("rb") as content:
        content.seek(start)
        with contextlib.suppress(ConnectionError):
            for place in range(start, end, step):
                connection.sendfile(content, place, min(step, end - place))
                time.sleep(_SLOW_BYTES / 1e6 if slow else 0.0)
        return content.tell() - start


def _end(connection: socket.socket, ending: str, *, reset: bool) -> None:
    if ending != "cut":
        with contextlib.suppress(ConnectionResetError):
            connection.recv(1)
    elif reset:
        # What still waits here would never leave this machine, and be counted all the same (tcp(7), SIOCOUTQ).
        while struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0]:
            time.sleep(0.0005)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(place) for place in sys.argv[2].split(",") if place], sys.argv[3])
