"""The loop around the pipeline: takes frames, answers them, tells who listens, and changes the model in mid-flight.

One thread captures (`edge/capture.py`), the thread that called `run` does everything else. `edge/pipeline.py` is what
happens to one frame.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import UNSET

from contract.errors import DamagedFrameError
from contract.messages import FrameLedger
from contract.result import Result
from edge.capture import Capture
from edge.ledger import FAILED, Ledger, since
from edge.model import LoadedModel
from edge.pace import Pace
from edge.pipeline import run_frame
from edge.sources import Source
from edge.telemetry import Meter, Window

_PATIENCE_S = 0.5
"""The longest wait for a frame before the loop looks round; telemetry windows close on time without any."""
_DAMAGED = DamagedFrameError("", where="", fix="").cause


class Runtime:
    """Answers the frames of one source until it ends, `max_frames` were answered, or `stop`.

    `on_result` and `on_window` are called on the thread that runs, one at a time, and what they raise ends the run.
    The source is closed at the end; models are their owners', also those that were replaced.
    """

    def __init__(
        self,
        model: LoadedModel,
        source: Source,
        *,
        on_result: Callable[[Result], None],
        on_window: Callable[[Window], None] | None = None,
        window_s: float = 5.0,
        max_frames_per_s: float | None = None,
        max_frames: int | None = None,
    ) -> None:
        self._model = self._serving = model
        self._on_result, self._on_window, self._window_s = on_result, on_window, window_s
        self._left = max_frames
        self._pace = Pace(max_frames_per_s)
        self._ledger = Ledger()
        self._capture = Capture(source, self._ledger, limit=max_frames)
        self._stopping = False
        self._meter = Meter()
        self._window_began = 0.0
        self._told = 0
        self._model_began = FrameLedger()

    @property
    def ledger(self) -> FrameLedger:
        """Every frame since the start of the run, whichever model it met."""
        return self._ledger.snapshot()

    @property
    def model(self) -> LoadedModel:
        """The one that answers the next frame."""
        return self._model

    def run(self) -> FrameLedger:
        """Work until the end; returns where every frame went. SourceError when the source failed on the way."""
        self._window_began = time.monotonic()
        self._capture.start()
        try:
            while not self._stopping and self._left != 0:
                self._close_window_when_due()
                if not self._step():
                    break
        finally:
            self._capture.stop()
        self._close_last_window()
        return self.ledger

    def stop(self) -> None:
        """End `run` after the frame in hand. From any thread, and from a signal handler."""
        self._stopping = True
        self._capture.wake()

    def replace(self, model: LoadedModel) -> None:
        """Let `model` answer from the very next frame on. From any thread; no frame is lost by it."""
        self._model = model

    def _step(self) -> bool:
        """One frame, or one wait; False at the end of the source."""
        now = time.monotonic()
        if (early_s := self._pace.wait_s(now)) > 0:
            self._capture.wait(min(early_s, self._patience_s(now)))
            return True
        frame = self._capture.take(self._patience_s(now))
        if frame is None:
            return not self._capture.over()
        self._pace.taken(time.monotonic())
        if self._model is not self._serving:
            self._change_model()
        self._account(run_frame(frame, self._serving))
        return True

    def _account(self, result: Result) -> None:
        if result.error is UNSET:
            self._ledger.inferred()
        elif result.error.cause == _DAMAGED:
            self._ledger.damaged()
        else:
            self._ledger.dropped(FAILED)
        self._meter.add(result)
        if self._left is not None:
            self._left -= 1
        self._on_result(result)

    def _change_model(self) -> None:
        """A window, and a ledger, belong to one model."""
        self._close_last_window()
        self._serving = self._model
        self._model_began = self._ledger.snapshot()

    def _patience_s(self, now: float) -> float:
        return min(_PATIENCE_S, max(0.0, self._window_began + self._window_s - now))

    def _close_window_when_due(self) -> None:
        if time.monotonic() - self._window_began >= self._window_s:
            self._close_window()

    def _close_last_window(self) -> None:
        """Before an end: a window that is over early, unless it saw nothing at all."""
        if self.ledger.captured != self._told:
            self._close_window()

    def _close_window(self) -> None:
        now, ledger = time.monotonic(), self.ledger
        if self._on_window is not None:
            self._on_window(
                self._meter.close(
                    ended_at=time.time(),
                    window_s=now - self._window_began,
                    model=self._serving.release,
                    digest=self._serving.digest,
                    ledger=since(ledger, self._model_began),
                )
            )
        self._meter = Meter()
        self._window_began, self._told = now, ledger.captured
