"""Pictures from another program: `pipe:COMMAND`, whose standard output is MJPEG, or raw frames.

MJPEG is what `rpicam-vid -t 0 --codec mjpeg -o -`, `ffmpeg ... -f mjpeg -` and GStreamer's `jpegenc ! fdsink` give.
`pipe:raw?size=1280x720&format=nv12:COMMAND` takes frames without compression (`raw.py` lists the formats). So every
camera those programs can read works here, with the drivers and libraries of its own system. The command is split
like a shell would, but no shell runs it. Only the newest picture is decoded when several wait.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import shlex
import signal
import subprocess
import time
from contextlib import suppress

from contract.errors import ConfigError, DamagedFrameError, MissingPartError, SourceError
from edge.frames import Frame
from edge.sources.mjpeg import MjpegStream
from edge.sources.raw import RawStream

_CHUNK_BYTES = 1 << 18
_PIPE_BYTES = 1 << 20
"""What an unprivileged program may ask the kernel to hold: fewer turns for raw frames."""
_MOST_CHUNKS = 64
"""Read before a picture is decoded: a command that writes faster than we read must not keep us reading."""
_GRACE_S = 0.5
"""For the command to end by itself after SIGTERM; cameras want to be switched off in order."""
_RAW = re.compile(r"raw\?([^:]*):")


class PipeSource:
    """The pictures a running command writes. It is ended with the source."""

    live = True

    def __init__(self, command: list[str], stream: MjpegStream | RawStream) -> None:
        self.name = os.path.basename(command[0])  # noqa: PTH119 - a command, not a path of ours
        self.skipped = 0
        """Whole pictures that were never decoded, because a newer one had come."""
        self._command = shlex.join(command)
        self._stream = stream
        self._index = 0
        self._process = _started(command, self._command)
        assert self._process.stdout is not None
        self._out = self._process.stdout
        os.set_blocking(self._out.fileno(), False)
        self._ended = self._over = False

    def read(self, timeout_s: float) -> Frame | None:
        """The newest picture; None when the command ended well, SourceError when it failed."""
        until = time.monotonic() + timeout_s
        while (picture := self._newest()) is None:
            if self._ended:
                return self._last()
            left_s = max(until - time.monotonic(), 0.0)
            ready = select.select([self._out], [], [], left_s)[0]
            if not ready or left_s == 0.0:
                raise TimeoutError
        return self._frame(picture)

    def close(self) -> None:
        """End the command and everything it started."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_S)
        # Also after a quick end: what it started may have stayed.
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._out.close()

    def _newest(self) -> bytes | None:
        """Read what has come, up to a limit, and give the last whole picture of it."""
        newest: bytes | None = None
        for _ in range(_MOST_CHUNKS):
            while (picture := self._stream.next_picture()) is not None:
                self.skipped += newest is not None
                newest = picture
            data = self._out.read(_CHUNK_BYTES)
            if data is None:
                break
            if not data:
                self._ended = True
                break
            self._stream.feed(data)
        return newest

    def _frame(self, picture: bytes) -> Frame:
        index = self._index
        self._index += 1
        try:
            return Frame.now(self.name, index, self._stream.decode(picture, f"{self.name}, frame {index}"))
        except DamagedFrameError as problem:
            return Frame.now(self.name, index, problem)

    def _last(self) -> Frame | None:
        """What the end left unfinished, once, if anything came before it; then the end itself."""
        left = b"" if self._over else self._stream.left_over()
        self._over = True
        if left and self._index:
            return self._frame(left)
        self._check_end()
        return None

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return

    def _check_end(self) -> None:
        """SourceError unless the command ended well and after at least one picture."""
        try:
            code = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            # It closed its output and lives on: no picture will come.
            raise TimeoutError from None
        if code == 0 and self._index > 0:
            return
        count = self._index + self.skipped
        after = f"after {count} pictures" if count else "before the first picture"
        raise SourceError(
            f"the command ended with exit code {code} {after}",
            where=self._command,
            fix="Run it by hand to see what it says; it must write MJPEG, or the raw frames named, to standard output.",
        )


def open(text: str) -> PipeSource:
    """Start the command behind `pipe:`."""
    rest = text.removeprefix("pipe:")
    raw = _RAW.match(rest)
    stream: MjpegStream | RawStream = RawStream(raw[1]) if raw else MjpegStream()
    try:
        command = shlex.split(rest[raw.end() :] if raw else rest)
    except ValueError as problem:
        raise ConfigError(f"the command cannot be split: {problem}", where=text, fix="Check its quotes.") from problem
    if not command:
        raise ConfigError("no command is named", where=text, fix="Write pipe:COMMAND.")
    return PipeSource(command, stream)


def _started(command: list[str], shown: str) -> subprocess.Popen[bytes]:
    try:
        # A session of its own, so that its children end with it.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
    except OSError as problem:
        raise MissingPartError(
            f"the command cannot be started: {problem.strerror}",
            where=shown,
            fix="Check that it is installed and spelled right.",
        ) from problem
    assert process.stdout is not None
    # Where the user's pipes hold their share already, smaller turns do too.
    with suppress(PermissionError):
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return process
