"""Pictures from another program: `pipe:COMMAND`, whose standard output is MJPEG.

What `rpicam-vid -t 0 --codec mjpeg -o -`, `ffmpeg ... -f mjpeg -` and GStreamer's `jpegenc ! fdsink` give. So every
camera those programs can read works here, with the drivers and libraries of its own system. The command is split
like a shell would, but no shell runs it.
"""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess

from contract.errors import ConfigError, DamagedFrameError, SourceError
from edge.frames import Frame
from edge.pictures import decode_picture
from edge.sources.mjpeg import MjpegStream

_CHUNK_BYTES = 1 << 16
_GRACE_S = 1.0
"""For the command to end by itself after SIGTERM; cameras want to be switched off in order."""


class PipeSource:
    """The pictures a running command writes. It is ended with the source."""

    live = True

    def __init__(self, command: list[str]) -> None:
        self.name = os.path.basename(command[0])  # noqa: PTH119 - a command, not a path of ours
        self._command = shlex.join(command)
        self._stream = MjpegStream()
        self._index = 0
        try:
            # A session of its own, so that its children end with it.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as problem:
            raise SourceError(
                f"the command cannot be started: {problem.strerror}",
                where=self._command,
                fix="Check that it is installed and spelled right.",
            ) from problem
        assert self._process.stdout is not None
        self._out = self._process.stdout

    def read(self, timeout_s: float) -> Frame | None:
        """The next picture; None when the command ended well, SourceError when it failed."""
        while (picture := self._stream.next_picture()) is None:
            if not select.select([self._out], [], [], timeout_s)[0]:
                raise TimeoutError
            data = os.read(self._out.fileno(), _CHUNK_BYTES)
            if not data:
                self._check_end()
                return None
            self._stream.feed(data)
        index = self._index
        self._index += 1
        try:
            return Frame.now(self.name, index, decode_picture(picture, where=f"{self.name}, frame {index}"))
        except DamagedFrameError as problem:
            return Frame.now(self.name, index, problem)

    def close(self) -> None:
        """End the command and everything it started."""
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._out.close()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return

    def _check_end(self) -> None:
        """SourceError unless the command ended well and after at least one picture."""
        code = self._process.wait()
        if code == 0 and self._index > 0:
            return
        after = f"after {self._index} pictures" if self._index else "before the first picture"
        raise SourceError(
            f"the command ended with exit code {code} {after}",
            where=self._command,
            fix="Run it by hand to see what it says; it must write MJPEG to standard output.",
        )


def open(text: str) -> PipeSource:
    """Start the command behind `pipe:`."""
    try:
        command = shlex.split(text.removeprefix("pipe:"))
    except ValueError as problem:
        raise ConfigError(f"the command cannot be split: {problem}", where=text, fix="Check its quotes.") from problem
    if not command:
        raise ConfigError("no command is named", where=text, fix="Write pipe:COMMAND.")
    return PipeSource(command)
