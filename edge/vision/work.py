"""What a vision process does: cameras answered by a model, another model tried beside it, signs of life.

The runtime's thread answers frames and says pulses; the thread that called `obey` carries out orders, so loading a
model never holds up a frame.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from msgspec import UNSET

from contract.device import DeviceConfig
from contract.errors import BackendError, FerryError
from contract.health import Tally
from contract.manifest import GOLDEN, REFERENCE, Digest
from contract.result import Result
from edge.cameras import Cameras
from edge.cooling import Cooling
from edge.first_answer import WorthTelling
from edge.frames import Frame
from edge.golden import check_golden
from edge.isolated import CrashLoopError
from edge.loading import Loading
from edge.model import LoadedModel
from edge.observers import Observers
from edge.runtime import Runtime
from edge.shadow import ShadowRun
from edge.slot import read_slot
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

_PULSE_S = 0.4
_TRIAL_PULSE_S = 0.1
"""While a new model is judged, so that the judgement comes soon after the frame that decides it."""
_CRASH_LOOP = CrashLoopError("", where="", fix="").cause
_MIB = 1 << 20


class Work:
    """One vision process at work. `say` may be called from any thread."""

    def __init__(self, begin: Begin, say: Callable[[Said], None]) -> None:
        """Open model and cameras, in this order; what that raises is the agent's to judge."""
        config = begin.config
        self._config, self._slots, self._say = config, Path(begin.slots), say
        self._loading = loading_of(config)
        model = self._loaded(begin.digest, golden=begin.golden)
        self._cameras = Cameras(config, patient=begin.patient)
        self._observers = Observers(self._cameras.sources)
        self._cameras.tell_drift(self._observers.drifted)
        self._observe(model)
        self._runtime = Runtime(
            model,
            self._cameras.cameras,
            on_result=self._result,
            on_answer=self._answer,
            on_window=self._window,
            window_s=config.telemetry.every_s,
        )
        # A home is shown what is seen now; what is kept for the fleet, the agent chooses.
        self._worth_telling = WorthTelling("all" if config.home_assistant else config.telemetry.events)
        self._candidate: LoadedModel | None = None
        self._before: LoadedModel | None = None
        self._shadow: ShadowRun | None = None
        self._watched: tuple[Digest, Tally] | None = None
        self._results, self._next_pulse_s, self._slowest_s, self._gave_up = 0, 0.0, 0.0, False

    def serving(self) -> Serving:
        """Who answers the next frame."""
        model = self._runtime.model
        return Serving(
            digest=model.digest,
            release=model.release,
            backend=model.backend.name,
            labels=model.manifest.labels,
        )

    def run(self) -> Ended:
        """Serve until `Stop` or the end of the sources."""
        trouble = None
        try:
            with self._cooling():
                stepped_s = time.monotonic()
                for _ in self._runtime.steps():
                    now_s = time.monotonic()
                    self._slowest_s, stepped_s = max(self._slowest_s, now_s - stepped_s), now_s
                    if now_s >= self._next_pulse_s:
                        self._pulse(now_s)
        except FerryError as problem:
            trouble = Trouble.of(problem)
        finally:
            self._cameras.close()
        ledger, where = self._runtime.ledger, self._cameras.where
        return Ended(ledger=ledger, live=self._cameras.live, where=where, trouble=trouble)

    def obey(self, order: Order) -> None:
        """Carry out one order and answer it; `Stop` is answered by the end of `run`."""
        try:
            self._carry_out(order)
        except FerryError as problem:
            self._say(Answer(trouble=Trouble.of(problem)))
            return
        if not isinstance(order, Stop):
            self._say(Answer())

    def _carry_out(self, order: Order) -> None:
        if isinstance(order, Prepare):
            self._let_go_candidate()
            self._candidate = self._loaded(order.digest, golden=True)
        elif isinstance(order, Shadow):
            assert self._candidate is not None
            self._shadow = ShadowRun(self._candidate, order.frames)
        elif isinstance(order, Switch):
            self._switch()
        elif isinstance(order, Back):
            self._go_back()
        elif isinstance(order, Settle):
            self._settle()
        else:
            self._runtime.stop()

    def _switch(self) -> None:
        """Watched from its first frame on."""
        self._end_shadow()
        model, self._candidate = self._candidate, None
        assert model is not None
        self._before = self._runtime.model
        self._watched = model.digest, Tally()
        self._serve(model)

    def _go_back(self) -> None:
        """A model that served is not closed but forgotten: the loop may have a frame in hand with it."""
        self._watched, before, self._before = None, self._before, None
        if before is not None:
            self._serve(before)
        self._let_go_candidate()

    def _settle(self) -> None:
        """The model before is forgotten, and gives its memory back."""
        self._watched = self._before = None

    def _serve(self, model: LoadedModel) -> None:
        self._runtime.replace(model)
        self._observe(model)
        self._gave_up = False
        self._say(self.serving())

    def _end_shadow(self) -> None:
        shadow, self._shadow = self._shadow, None
        if shadow is not None:
            shadow.close()

    def _let_go_candidate(self) -> None:
        self._end_shadow()
        candidate, self._candidate = self._candidate, None
        if candidate is not None:
            candidate.close()

    def _loaded(self, digest: Digest, *, golden: bool) -> LoadedModel:
        slot = read_slot(self._slots, digest)
        model = self._loading.open(slot.manifest, slot.digest, slot.model)
        try:
            if golden and slot.manifest.golden is not None:
                check_golden(model, slot.member(GOLDEN))
        except FerryError:
            model.close()
            raise
        return model

    def _observe(self, model: LoadedModel) -> None:
        """What `model` answers from now on is compared with its own reference."""
        slot = read_slot(self._slots, model.digest)
        reference = slot.member(REFERENCE) if slot.has(REFERENCE) else None
        self._observers.serving(model, reference, self._cameras.sources)

    def _result(self, result: Result) -> None:
        self._results += 1
        watched = self._watched
        if watched is not None and watched[0] == result.digest:
            watched[1].add(result)
        if self._worth_telling(result):
            self._say(Told(result=result))
        if result.error is not UNSET and result.error.cause == _CRASH_LOOP and not self._gave_up:
            self._gave_up = True
            self._say(GaveUp(digest=result.digest))

    def _answer(self, frame: Frame, result: Result) -> None:
        self._observers.answer(frame, result)
        shadow = self._shadow
        if shadow is not None:
            shadow.look(frame, result)

    def _window(self, window: Window) -> None:
        self._say(Closed(window=self._observers.window(window)))

    def _pulse(self, now_s: float) -> None:
        watched, shadow = self._watched, self._shadow
        self._next_pulse_s = now_s + (_TRIAL_PULSE_S if watched or shadow else _PULSE_S)
        self._say(
            Pulse(
                results=self._results,
                away=self._cameras.away,
                slowest_s=self._slowest_s,
                health=None if watched is None else watched[1].numbers(),
                shadow=None if shadow is None else shadow.comparison(),
            )
        )
        self._slowest_s = 0.0

    def _cooling(self) -> Cooling:
        inference, cameras = self._config.inference, self._config.cameras
        return Cooling(
            self._runtime,
            limit_c=inference.max_temperature_c,
            full_rate=max((camera.frames_per_s or 0.0 for camera in cameras), default=0.0) or None,
            threads=None if inference.threads == 1 else self._on_threads,
        )

    def _on_threads(self, threads: int | None) -> None:
        """The same model on fewer threads, or as many as usual, unless another is being tried."""
        model = self._runtime.model
        if self._candidate is not None or self._before is not None:
            return
        slot = read_slot(self._slots, model.digest)
        try:
            again = self._loading.open(slot.manifest, slot.digest, slot.model, threads=threads)
        except BackendError:
            return
        if self._runtime.model is model:
            self._runtime.replace(again)
            self._observe(again)


def loading_of(config: DeviceConfig) -> Loading:
    """How this device opens models."""
    inference, mib = config.inference, config.inference.memory_limit_mib
    return Loading(
        threads=inference.threads,
        device=inference.device,
        isolate=inference.isolate,
        memory_limit_bytes=None if mib is None else mib * _MIB,
        folder=Path(config.state_dir) / "measured",
    )
