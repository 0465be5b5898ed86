"""How a child process is brought to its end, and how it came to it: a word to count by and words for a person."""

from __future__ import annotations

import signal
import subprocess
import threading

_END_S = 1.0
"""A process that hung up has given its memory back already, and is gone in a moment."""


_REAP_S = 0.1
"""A killed process is gone in milliseconds, unless it held gigabytes or a driver keeps it."""


class ProcessLostError(Exception):
    """The process is of no use any more: a word to count by, and the end of the sentence `the … process …`."""

    def __init__(self, cause: str, words: str) -> None:
        super().__init__(words)
        self.cause, self.words = cause, words


def how_it_ended(process: subprocess.Popen[bytes]) -> ProcessLostError:
    """Of one whose side of the connection is closed."""
    try:
        code = process.wait(_END_S)
    except subprocess.TimeoutExpired:
        return ProcessLostError("protocol", "closed its connection")
    if code >= 0:
        return ProcessLostError("exit", f"ended with exit status {code}")
    name = signal.Signals(-code).name
    return ProcessLostError(name, f"died of {name}")


def end_now(process: subprocess.Popen[bytes]) -> None:
    """Kill it, whatever it does; one that a driver keeps is waited for by nobody but a thread of its own."""
    process.kill()
    try:
        process.wait(_REAP_S)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, name="reaper", daemon=True).start()
