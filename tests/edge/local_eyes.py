"""What a vision process does, on threads of this process: real models, a real runtime, orders as function calls.

Quicker than a process, and enough wherever nothing is to crash.
"""

from __future__ import annotations

import threading
from pathlib import Path

from contract.device import DeviceConfig
from contract.health import Comparison, Numbers
from edge.slot import Slot
from edge.vision.messages import (
    Answer,
    Back,
    Begin,
    Ended,
    Order,
    Prepare,
    Pulse,
    Said,
    Serving,
    Settle,
    Shadow,
    Stop,
    Switch,
)
from edge.vision.work import Work


class LocalEyes:
    """Serves a slot until closed; the updater's `Eyes`."""

    def __init__(self, config: DeviceConfig, slots: Path, slot: Slot) -> None:
        self.said: list[Said] = []
        self._changed = threading.Condition()
        self._pulse: Pulse | None = None
        self._answer: Answer | None = None
        self._ended: Ended | None = None
        self._work = Work(Begin(config=config, slots=str(slots), digest=slot.digest, golden=False), self._hear)
        self.serving: Serving = self._work.serving()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> Ended:
        """End after the frame in hand; the last word."""
        self._work.obey(Stop())
        self._thread.join()
        assert self._ended is not None
        return self._ended

    def _run(self) -> None:
        self._ended = self._work.run()

    def prepare(self, slot: Slot) -> None:
        self._order(Prepare(digest=slot.digest))

    def shadow(self, frames: int) -> None:
        self._order(Shadow(frames=frames))

    def compared(self, timeout_s: float) -> Comparison | None:
        pulse = self._next_pulse(timeout_s)
        return None if pulse is None else pulse.shadow

    def switch(self) -> None:
        self._order(Switch())

    def watched(self, timeout_s: float) -> Numbers | None:
        pulse = self._next_pulse(timeout_s)
        return None if pulse is None else pulse.health

    def settle(self) -> None:
        self._order(Settle())

    def go_back(self, slot: Slot) -> None:
        self._order(Back())

    def _order(self, order: Order) -> None:
        self._work.obey(order)
        assert self._answer is not None
        if self._answer.trouble is not None:
            raise self._answer.trouble.as_error()

    def _next_pulse(self, timeout_s: float) -> Pulse | None:
        with self._changed:
            before = self._pulse
            self._changed.wait_for(lambda: self._pulse is not before, timeout_s)
            return self._pulse

    def _hear(self, message: Said) -> None:
        with self._changed:
            self.said.append(message)
            if isinstance(message, Serving):
                self.serving = message
            elif isinstance(message, Answer):
                self._answer = message
            elif isinstance(message, Pulse):
                self._pulse = message
            self._changed.notify_all()
