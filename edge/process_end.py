"""How a child process came to its end, in a word to count by and words for a person."""

from __future__ import annotations

import signal
import subprocess

_END_S = 1.0
"""A process that hung up has given its memory back already, and is gone in a moment."""


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
