"""A preview with frames to show, and a viewer that reads the stream as the wire has it."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from contract.errors import DamagedFrameError
from contract.messages import FrameLedger, Percentiles
from contract.result import Detection, FrameError, Result, StageTimes
from edge.frames import Frame, Pixels
from edge.preview import Preview
from edge.telemetry import Window

GREY: Pixels = np.full((360, 640, 3), 90, np.uint8)


def result_of(frame: Frame, **fields: Any) -> Result:
    """An answer to `frame`; `fields` are those of its task."""
    return Result(
        source=frame.source,
        frame=frame.index,
        captured_at="2026-01-01T00:00:00.000Z",
        model="things@3",
        digest="sha256:" + "0" * 64,
        size_wh=frame.size_wh,
        **fields,
    )


def answered(
    index: int, *, source: str = "door", pixels: Pixels = GREY, label: str = "person", track: int | None = 4
) -> tuple[Frame, Result]:
    """A frame with one box in its middle."""
    frame = Frame.now(source, index, pixels)
    width, height = frame.size_wh
    box = (width / 4, height / 4, width / 2, height / 2)
    found = Detection(index=0, label=label, score=0.87, box_xyxy_px=box, track=track)
    times = StageTimes(preprocess=0.6, invoke=7.5 + index % 3, postprocess=0.3)
    return frame, result_of(frame, detections=(found,), latency_ms=times, age_ms=3.2)


def damaged(index: int, source: str = "door") -> tuple[Frame, Result]:
    """A frame that could not be read."""
    problem = DamagedFrameError("cut short", where=f"{source}, frame {index}", fix="Check the cable.")
    frame = Frame.now(source, index, problem)
    return frame, result_of(frame, error=FrameError(cause=problem.cause, where=problem.where, fix=problem.fix))


def window_of(**changes: Any) -> Window:
    """A closed window: 100 captured = 80 + 12 + 3 + 5."""
    stages = {"preprocess": 0.6, "invoke": 8.1, "postprocess": 0.3, "total": 9.0, "age": 3.3}
    fields: dict[str, Any] = {
        "ended_at": 1.7e9,
        "window_s": 5.0,
        "model": "things@3",
        "digest": "sha256:" + "0" * 64,
        "ledger": FrameLedger(captured=100, inferred=80, gated=12, damaged=3, dropped={"stale": 5}),
        "frames_per_s": 16.0,
        "latency_ms": {name: Percentiles(p50=ms, p95=1.2 * ms, p99=1.5 * ms) for name, ms in stages.items()},
        "classes": {"person": 80},
        "mean_confidence": 0.87,
        "rss_bytes": 60 << 20,
        "temperature_c": 51.0,
    }
    return Window(**{**fields, **changes})


@contextmanager
def frames_coming(preview: Preview, make: Any = answered, *, every_s: float = 0.02) -> Iterator[None]:
    """Answers arrive on a thread of their own, as a runtime's would."""
    over = threading.Event()

    def feed() -> None:
        index = 0
        while not over.wait(every_s):
            preview.answer(*make(index))
            index += 1

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Viewer:
    """One connection; closes with its `with` block."""

    def __init__(self, preview: Preview, path: str, *, host: str | None = None) -> None:
        address = urlsplit(preview.url).netloc
        self._connection = http.client.HTTPConnection(address, timeout=10)
        self._connection.request("GET", path, headers={"Host": host or address})
        self.answer = self._connection.getresponse()
        self.status = self.answer.status

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.close()
        self._connection.close()

    def body(self) -> bytes:
        """All of a short answer."""
        return self.answer.read()

    def part(self) -> tuple[str, bytes]:
        """Content type and body of the next part of a stream."""
        headers: dict[str, str] = {}
        while (line := self._line()) or not headers:
            name, colon, value = line.partition(": ")
            if colon:
                headers[name.lower()] = value
        return headers["content-type"], self.answer.read(int(headers["content-length"]))

    def _line(self) -> str:
        line = self.answer.readline()
        if not line:
            raise EOFError
        return line.decode().rstrip("\r\n")
