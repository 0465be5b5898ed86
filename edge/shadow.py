"""A shadow run: a new model answers live frames beside the one that serves, and nobody hears what it says.

It takes a frame whenever it has finished the one before, on a thread of its own, so the serving model never waits for
it. What the two said is compared; whether that is good enough is `contract/health.py`'s verdict.
"""

from __future__ import annotations

import threading

from msgspec import UNSET
from msgspec.structs import replace

from contract.health import Comparison, Tally, p95
from contract.result import Result
from edge.agreement import agreement
from edge.frames import Frame
from edge.model import LoadedModel
from edge.pipeline import run_frame


class ShadowRun:
    """One candidate beside whatever serves. `look` is called on the runtime's thread, the rest from any."""

    def __init__(self, candidate: LoadedModel, frames: int) -> None:
        self._candidate, self._left = candidate, frames
        self._tally, self._agreements, self._beside_ms = Tally(), list[float](), list[float]()
        self._changed = threading.Condition()
        self._next: tuple[Frame, Result] | None = None
        self._busy = self._over = False
        self._thread = threading.Thread(target=self._answer_frames, name="shadow", daemon=True)
        self._thread.start()

    def look(self, frame: Frame, result: Result) -> None:
        """A frame and what the serving model said; passed over while the one before is being answered."""
        if self._busy or self._over or frame.pixels is None:
            return
        with self._changed:
            self._busy = True
            # A copy, because the source may write its next frame into the same pixels.
            self._next = replace(frame, pixels=frame.pixels.copy()), result
            self._changed.notify()

    def comparison(self) -> Comparison:
        """What came out so far."""
        with self._changed:
            agreements = self._agreements
            return Comparison(
                numbers=self._tally.numbers(),
                agreement=sum(agreements) / len(agreements) if agreements else None,
                serving_p95_ms=p95(self._beside_ms),
                memory_bytes=self._candidate.resident_elsewhere_bytes() or None,
            )

    def close(self) -> None:
        """End after the frame in hand; the candidate is its owner's again."""
        with self._changed:
            self._over = True
            self._changed.notify()
        self._thread.join()

    def _answer_frames(self) -> None:
        while (taken := self._taken()) is not None:
            frame, beside = taken
            result = run_frame(frame, self._candidate)
            with self._changed:
                self._count(result, beside)
                self._left -= 1
                self._over = self._over or self._left <= 0
                self._busy = False

    def _taken(self) -> tuple[Frame, Result] | None:
        with self._changed:
            while self._next is None and not self._over:
                self._changed.wait()
            taken, self._next = self._next, None
            return None if self._over else taken

    def _count(self, result: Result, beside: Result) -> None:
        self._tally.add(result)
        if result.error is UNSET and beside.error is UNSET:
            self._agreements.append(agreement(result, beside))
        if beside.latency_ms is not UNSET:
            times = beside.latency_ms
            self._beside_ms.append(times.preprocess + times.invoke + times.postprocess)
