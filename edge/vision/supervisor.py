"""The agent's side of its vision process: hear it, order it about, and replace it when it dies or hangs.

One thread owns the process and hears what it says; orders come from the updater's thread and wait for their answer. A
process that dies, hangs or holds too much memory is replaced at once by another with the model that should serve; one
that dies while a new model is being tried takes that model down with it, and the one before serves.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from contract.device import DeviceConfig
from contract.errors import BackendError, FerryError, UpdateError
from contract.health import Comparison, Numbers
from contract.manifest import Digest
from contract.result import Result
from edge.crashes import Crashes
from edge.deadline import StoppingError
from edge.process_end import ProcessLostError
from edge.slot import Slot
from edge.telemetry import Window
from edge.trouble import Trouble
from edge.vision.messages import (
    Answer,
    Back,
    Begin,
    Closed,
    Ended,
    GaveUp,
    Order,
    Prepare,
    Pulse,
    Said,
    Serving,
    Settle,
    Shadow,
    Stop,
    Switch,
    Told,
)
from edge.vision.process import PROGRAM, VisionProcess
from edge.vision.spare import Spare

log = logging.getLogger(__name__)

START_TIMEOUT_S = 120.0
"""For the libraries, the model and the cameras: a slow card in a Raspberry Pi Zero takes half a minute."""
_STOP_S = 10.0
_SILENCE_S = 1.0
"""Without a pulse for so long the loop hangs; it says at least two a second."""
_SILENCE_IN_STEPS = 10.0
"""But a step may take as long as so many of the slowest lately: a large model without isolation, or a busy machine."""
_FORGOTTEN = 0.9
"""Of a slow step, with each pulse."""
_SPARE_AFTER_S = 2.0
"""A process that has just begun has the machine to itself."""
_LOOK_S = 0.2
_LONGEST_PAUSE_S = 5.0
_MIB = 1 << 20


class LostError(UpdateError):
    """The vision process died or hung while a new model was being tried."""


class Listener(NamedTuple):
    """Who is told what, on the supervisor's thread."""

    result: Callable[[Result], None]
    window: Callable[[Window], None]
    alive: Callable[[], None]
    """Frames went through the loop, or a camera is being waited for."""
    serving: Callable[[], None]
    """Another model answers, or the same one in a new process."""
    gave_up: Callable[[Digest], None]
    """The model that serves makes its processes die again and again."""


class Vision:
    """The same cameras all the time, one vision process after the other: `start`, orders, `stop`, `wait`.

    Orders raise LostError where the process is lost on the way, and StoppingError once it is not to come back.
    """

    def __init__(
        self,
        config: DeviceConfig,
        slots: Path,
        listener: Listener,
        *,
        program: Sequence[str] = PROGRAM,
        crashes: Crashes | None = None,
    ) -> None:
        self._config, self._slots, self._listener, self._spare = config, slots, listener, Spare(program)
        self._changed = threading.Condition()
        self._wanted: Slot | None = None
        """Who serves in the next process."""
        self._before: Slot | None = None
        """Who served before the model that is being watched."""
        self._trial: Slot | None = None
        """Who is loaded beside."""
        self._process: VisionProcess | None = None
        self._dismissed: VisionProcess | None = None
        """The one that was killed on purpose."""
        self._serving: Serving | None = None
        self._answer: Answer | None = None
        self._lost: LostError | None = None
        self._pulse: Pulse | None = None
        self._ended: Ended | None = None
        self._crashes = crashes or Crashes()
        self._golden = self._begun = self._stopping = False
        self._has_seen = False
        """Whether any process has answered a frame, so that the cameras are the right ones."""
        self._slowest_s = 0.0
        self._thread = threading.Thread(target=self._run, name="vision", daemon=True)

    @property
    def serving(self) -> Serving:
        """Who answers, or answered until a moment ago."""
        assert self._serving is not None
        return self._serving

    @property
    def pid(self) -> int | None:
        """Of the process that serves; None while it is being replaced."""
        process = self._process
        return None if process is None else process.pid

    @property
    def restarts(self) -> dict[str, int]:
        """How often the process was replaced, by cause."""
        return self._crashes.counts

    def warm(self) -> None:
        """Have the first process import what it needs while whoever is to `start` it is still busy."""
        self._spare.warm()

    def start(self, slot: Slot, *, golden: bool = False) -> None:
        """Serve `slot`, after its golden frames where asked; returns once it does.

        Raises what opening the model or the cameras raises, BackendError where that kills the process; then nothing
        runs, and another slot may be started.
        """
        with self._changed:
            self._wanted, self._golden, self._begun, self._ended = slot, golden, False, None
            self._thread = threading.Thread(target=self._run, name="vision", daemon=True)
            self._thread.start()
            self._changed.wait_for(lambda: self._begun or self._ended is not None)
            ended = self._ended
        if ended is not None and ended.trouble is not None and not self._begun:
            self._thread.join()
            raise ended.trouble.as_error()

    def wait(self) -> Ended:
        """The last word, when no other process is to come."""
        # Not in one go: Python looks at a signal that came just before a wait only when the wait is over.
        while self._thread.is_alive():
            self._thread.join(_LOOK_S)
        assert self._ended is not None
        return self._ended

    def stop(self) -> None:
        """End after the frame in hand. From any thread, and from a signal handler: it waits for nothing."""
        self._stopping = True
        process = self._process
        if process is not None:
            process.order(Stop())

    def prepare(self, slot: Slot) -> None:
        """Load `slot` beside and have it answer its golden frames; raises what that raises."""
        with self._changed:
            self._lost = None
            self._check()
            self._trial = slot
        self._order(Prepare(digest=slot.digest))

    def shadow(self, frames: int) -> None:
        """Begin the prepared model's shadow run."""
        self._order(Shadow(frames=frames))

    def compared(self, timeout_s: float) -> Comparison | None:
        """What the shadow run came to, after the next pulse or `timeout_s`."""
        pulse = self._next_pulse(timeout_s)
        return None if pulse is None else pulse.shadow

    def switch(self) -> None:
        """The prepared model answers the next frame."""
        with self._changed:
            self._check()
            self._before, self._wanted, self._trial = self._wanted, self._trial, None
        self._order(Switch())

    def watched(self, timeout_s: float) -> Numbers | None:
        """What the new model's health came to, after the next pulse or `timeout_s`."""
        pulse = self._next_pulse(timeout_s)
        return None if pulse is None else pulse.health

    def settle(self) -> None:
        """The new model stays."""
        with self._changed:
            self._before = None
        self._obeyed(Settle())

    def go_back(self, slot: Slot) -> None:
        """`slot` serves, or goes on serving, and whatever was tried is let go; at worst in a new process.

        Returns once it does, or when the process takes its time.
        """
        with self._changed:
            known = {one.digest for one in (self._before, self._serving) if one is not None}
            self._wanted, self._before, self._trial, self._lost = slot, None, None, None
            self._crashes.forgive()
        if not (slot.digest in known and self._obeyed(Back())):
            self._dismiss()
        with self._changed:
            self._changed.wait_for(lambda: self._serves(slot.digest) or self._over, START_TIMEOUT_S)

    @property
    def _over(self) -> bool:
        return self._stopping or self._ended is not None

    def _serves(self, digest: Digest) -> bool:
        process_is_there = self._process is not None and self._process is not self._dismissed
        return process_is_there and self._begun and self.serving.digest == digest

    def _check(self) -> None:
        """Before anything is asked of the process: StoppingError, LostError."""
        if self._over:
            raise StoppingError
        if self._lost is not None:
            lost, self._lost = self._lost, None
            raise lost

    def _order(self, order: Order) -> None:
        """Give one and wait for its answer; raises what it says."""
        with self._changed:
            self._check()
            self._answer, process = None, self._process
            if process is None or not process.order(order):
                raise _lost("is not there")
            self._changed.wait_for(
                lambda: self._answer is not None or self._process is not process or self._over, START_TIMEOUT_S
            )
            self._check()
            answer: Answer | None = self._answer
        if answer is None:
            raise _lost("does not answer")
        if answer.trouble is not None:
            raise answer.trouble.as_error()

    def _obeyed(self, order: Order) -> bool:
        """Whether the process carried it out; one that is being replaced begins with the right model anyway."""
        try:
            self._order(order)
        except FerryError as problem:
            log.warning("%s", problem.what)
            return False
        except StoppingError:
            return True
        return True

    def _next_pulse(self, timeout_s: float) -> Pulse | None:
        with self._changed:
            before = self._pulse
            self._changed.wait_for(lambda: self._pulse is not before or self._lost is not None or self._over, timeout_s)
            self._check()
            return self._pulse

    def _dismiss(self) -> None:
        """Have the process replaced by one with the model that is wanted."""
        with self._changed:
            process = self._process
            if process is None:
                # Another is about to start, with the model that is wanted.
                return
            self._dismissed, self._begun = process, False
        process.kill()

    def _run(self) -> None:
        """One process after the other, until one has said its last word."""
        pause_s, ended = 0.0, None
        while ended is None and not self._stopping:
            ended = self._one_process()
            pause_s = min(max(pause_s * 2, 0.2), _LONGEST_PAUSE_S) if self._crashes.exhausted else 0.0
            self._rest(pause_s if ended is None else 0.0)
        self._spare.close()
        with self._changed:
            self._ended = ended or Ended()
            self._changed.notify_all()

    def _rest(self, pause_s: float) -> None:
        """Before another try at what has just failed several times; `stop` ends it."""
        until_s = time.monotonic() + pause_s
        while not self._stopping and time.monotonic() < until_s:
            time.sleep(_LOOK_S)

    def _one_process(self) -> Ended | None:
        """From its start to its end; its last word, or None when it is to be replaced."""
        with self._changed:
            assert self._wanted is not None
            begin = Begin(
                config=self._config,
                slots=str(self._slots),
                digest=self._wanted.digest,
                golden=self._golden,
                patient=self._has_seen,
            )
            process = self._process = self._spare.take()
        process.order(begin)
        if self._stopping:
            # Asked for while there was nobody to pass it on to.
            process.order(Stop())
        try:
            return self._hear(process)
        except ProcessLostError as lost:
            return self._account(process, lost)
        finally:
            process.kill()
            with self._changed:
                self._process = None
                self._changed.notify_all()

    def _hear(self, process: VisionProcess) -> Ended:
        """Pass on what it says until it has said its last word; ProcessLostError."""
        heard_s, patience_s, served_s = time.monotonic(), START_TIMEOUT_S, float("inf")
        while True:
            asked_s = time.monotonic()
            message = process.hear(_LOOK_S)
            now_s = time.monotonic()
            # What this thread itself came too late says nothing about the process: the whole machine was busy.
            heard_s += max(0.0, now_s - asked_s - 2 * _LOOK_S)
            if isinstance(message, Ended):
                return message
            if isinstance(message, Pulse | Serving):
                heard_s = now_s
                patience_s = self._patience_s(message)
            if isinstance(message, Serving):
                served_s = min(served_s, now_s)
            if message is not None:
                self._take(message)
            if isinstance(message, Pulse) and now_s - served_s > _SPARE_AFTER_S and not self._stopping:
                self._spare.warm()
            self._check_process(process, message, now_s - heard_s, patience_s)

    def _patience_s(self, message: Pulse | Serving) -> float:
        """How long silence is borne after this."""
        loading_here = self._trial is not None and not self._config.inference.isolate
        if isinstance(message, Serving) or loading_here:
            return START_TIMEOUT_S
        self._slowest_s = max(message.slowest_s, _FORGOTTEN * self._slowest_s)
        return max(_SILENCE_S, _SILENCE_IN_STEPS * self._slowest_s)

    def _check_process(self, process: VisionProcess, message: Said | None, silent_s: float, patience_s: float) -> None:
        if silent_s > (_STOP_S if self._stopping else patience_s):
            raise ProcessLostError("hung", f"gave no sign of life for {silent_s:.1f} s")
        limit = self._config.inference.process_limit_mib
        if limit is not None and isinstance(message, Pulse) and process.resident_bytes() > limit * _MIB:
            raise ProcessLostError("memory", f"held more than {limit} MiB")

    def _take(self, message: Said) -> None:
        """Do what one message asks for."""
        if isinstance(message, Pulse):
            self._take_pulse(message)
        elif isinstance(message, Serving):
            with self._changed:
                self._serving, self._begun, self._golden = message, True, False
                self._changed.notify_all()
            self._listener.serving()
        elif isinstance(message, Answer):
            with self._changed:
                self._answer = message
                self._changed.notify_all()
        elif isinstance(message, Told):
            self._listener.result(message.result)
        elif isinstance(message, Closed):
            self._listener.window(message.window)
        elif isinstance(message, GaveUp):
            self._listener.gave_up(message.digest)

    def _take_pulse(self, pulse: Pulse) -> None:
        with self._changed:
            advanced = pulse.away or self._pulse is None or pulse.results != self._pulse.results
            self._pulse, self._has_seen = pulse, self._has_seen or pulse.results > 0
            self._changed.notify_all()
        if advanced:
            self._listener.alive()

    def _account(self, process: VisionProcess, lost: ProcessLostError) -> Ended | None:
        """Count it; a new model that was being tried goes with it. An end before the beginning is the last word."""
        if process is self._dismissed:
            return None
        log.error("the vision process %s", lost.words)
        self._crashes.record(lost.cause, time.monotonic())
        if not self._begun:
            return Ended(trouble=Trouble.of(_dies_at_once(lost.words)))
        with self._changed:
            self._pulse = None
            tried = self._trial is not None or self._before is not None
            if tried:
                self._lost = _lost(lost.words)
                self._wanted, self._before, self._trial = self._before or self._wanted, None, None
            wanted = self._wanted
            self._changed.notify_all()
        if self._crashes.exhausted and not tried and wanted is not None and not self._config.inference.isolate:
            # With the inference in a process of its own, a model cannot be what brings this one down.
            self._listener.gave_up(wanted.digest)
        return None


def _lost(words: str) -> LostError:
    return LostError(
        f"the process that was trying the new model {words}",
        where="vision process",
        fix="Try the model by hand: edgeferry run BUNDLE --source …",
    )


def _dies_at_once(words: str) -> BackendError:
    return BackendError(
        f"the vision process {words} before it served",
        where="vision process",
        fix="Read what it said on standard error, or try by hand: edgeferry run BUNDLE --source …",
    )
