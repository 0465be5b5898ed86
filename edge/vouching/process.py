"""The judging process seen from the agent: start it, hand it its files, hear its verdict, end it.

`edge/vouching/check.py` is what runs in it. It ends with its parent, because its standard input then ends.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import msgspec

from edge.deadline import Deadline
from edge.vouching.errors import MetadataError
from edge.vouching.talk import Reply, Task, Verdict, Want

Answer: TypeAlias = Callable[[Want], Reply]

_PATIENCE_S = 120.0
"""Starting Python and checking some signatures; a board with a slow card takes ten seconds."""
_TICK_S = 0.25
_PIECE_BYTES = 64 << 10


def verdict_on(task: Task, answer: Answer, deadline: Deadline) -> Verdict:
    """What the process says, with `answer` called for each file it wants; whatever that raises passes through.

    MetadataError where the process dies or hangs; DeadlineError and StoppingError as `deadline` says.
    """
    process = _started()
    try:
        _say(process, task)
        while isinstance(heard := _heard(process, deadline), Want):
            _say(process, answer(heard))
        return heard
    except OSError as problem:
        raise _lost(f"cannot be spoken to: {problem.strerror or problem}") from problem
    finally:
        _end(process)


def _started() -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "edge.vouching.check"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C in a terminal goes to the whole group; this process ends when the agent says so.
            start_new_session=True,
        )
    except OSError as problem:
        raise _lost(f"cannot be started: {problem.strerror or problem}") from problem


def _say(process: subprocess.Popen[bytes], what: Task | Reply) -> None:
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(what) + b"\n")
    process.stdin.flush()


def _heard(process: subprocess.Popen[bytes], deadline: Deadline) -> Want | Verdict:
    """Its next line."""
    assert process.stdout is not None
    handle, line, give_up_at = process.stdout.fileno(), bytearray(), time.monotonic() + _PATIENCE_S
    while not line.endswith(b"\n"):
        deadline.check()
        if time.monotonic() > give_up_at:
            raise _lost(f"said nothing for {_PATIENCE_S:g} s")
        if not select.select([handle], [], [], _TICK_S)[0]:
            continue
        piece = os.read(handle, _PIECE_BYTES)
        if not piece:
            raise _lost(f"ended with status {process.wait()}")
        line += piece
    return msgspec.json.decode(line, type=Want | Verdict)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):  # closing sends once more what a process that died has not read
        process.stdin.close()
    process.stdout.close()


def _lost(how: str) -> MetadataError:
    return MetadataError(
        f"the process that judges update metadata {how}",
        where="edge.vouching.check",
        fix="Look into the agent's log; assign again.",
    )
