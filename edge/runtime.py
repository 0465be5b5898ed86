"""The loop around the pipeline: takes frames, answers them, tells who listens, and changes the model in mid-flight.

Every camera has a thread that captures (`edge/capture.py`), the desk says whose frame is next, and the thread that
called `run` does the rest: the gate, the answer (or handing it to a crew, `edge/station.py`), the account, and every
listener. `edge/pipeline.py` is what happens to one frame.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Protocol

from msgspec import UNSET, Struct

from contract.errors import ConfigError, DamagedFrameError
from contract.messages import FrameLedger
from contract.result import Result
from edge.capture import Capture, Policy
from edge.desk import Desk, Seat
from edge.frames import Frame
from edge.ledger import FAILED, STOPPING, Ledger, total
from edge.model import LoadedModel
from edge.pace import Pace
from edge.pipeline import run_frame
from edge.sources import Source
from edge.station import Station
from edge.telemetry import Window

_PATIENCE_S = 0.5
"""The longest wait for a frame before the loop looks round; telemetry windows close on time without any."""
_DAMAGED = DamagedFrameError("", where="", fix="").cause


class Watcher(Protocol):
    """What is wanted of one camera's view beyond the model's answer; called on the runtime's thread."""

    def wants(self, frame: Frame) -> bool:
        """Whether the model should look at this frame; False is counted as gated."""
        ...

    def look(self, frame: Frame, result: Result) -> Result:
        """The result with what the watcher makes of it: filtered, tracked, with events."""
        ...


class Camera(Struct, frozen=True, kw_only=True, eq=False):
    """One source and how it is to be treated."""

    source: Source
    models: Sequence[LoadedModel] = ()
    """Who answers its frames, where that is not the runtime's own model: one, or a team of equals."""
    watcher: Watcher | None = None
    policy: Policy | None = None
    """None for `latest` of live sources and `every` of others."""
    max_frames_per_s: float | None = None


class Runtime:
    """Answers the frames of one or more cameras until all end, `max_frames` were answered, or `stop`.

    `model` is one model, or several interpreters of one that work side by side. `on_result`, `on_answer` (the result
    with its frame) and `on_window` are called on the thread that runs, one at a time, and what they raise ends the run.
    Sources are closed at the end; models are their owners', also those that were replaced.
    """

    def __init__(
        self,
        model: LoadedModel | Sequence[LoadedModel],
        source: Source | Camera | Sequence[Source | Camera],
        *,
        on_result: Callable[[Result], None] | None = None,
        on_answer: Callable[[Frame, Result], None] | None = None,
        on_window: Callable[[Window], None] | None = None,
        window_s: float = 5.0,
        max_frames_per_s: float | None = None,
        max_frames: int | None = None,
    ) -> None:
        self._on_result, self._on_answer = on_result, on_answer
        self._on_window, self._window_s = on_window, window_s
        self._tell_also: Callable[[Result], None] | None = None
        self._left = max_frames
        # Re-entrant, because a signal handler may call `stop` while this very thread holds it.
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        self._stopping = False
        members = tuple(model) if isinstance(model, Sequence) else (model,)
        self._station = Station(members, wake=self._wake)
        self._stations = [self._station]
        cameras = source if isinstance(source, Sequence) else [source]
        self._lanes = [self._lane(one, max_frames_per_s) for one in cameras]
        self._crews = [station for station in self._stations if not station.alone]
        self._next_window = time.monotonic() + window_s
        self._desk = Desk(self._changed, lock, [lane.seat for lane in self._lanes])

    @property
    def ledger(self) -> FrameLedger:
        """Every frame of every camera since the start of the run, whichever model it met."""
        return total(lane.ledger.snapshot() for lane in self._lanes)

    @property
    def ledgers(self) -> dict[str, FrameLedger]:
        """By camera."""
        return {lane.name: lane.ledger.snapshot() for lane in self._lanes}

    @property
    def model(self) -> LoadedModel:
        """The one that answers the next frame of every camera without a model of its own."""
        return self._station.model

    @classmethod
    @contextmanager
    def open(
        cls, bundle: str | Path, *sources: str, trust: Iterable[str | Path] = (), threads: int = 1
    ) -> Iterator[Runtime]:
        """A runtime on the bundle's file and the sources `edgeferry run --source` takes; its model is closed after.

        `trust` names public keys that may have signed the bundle; without any, the development key is believed. Raises
        what reading the bundle, loading the model and opening the sources raise.
        """
        from devices.keys import development_verifier, load_verifiers
        from edge.bundles import read_bundle
        from edge.model import load_model
        from edge.sources import open_source

        keys = [Path(key) for key in trust]
        checked = read_bundle(Path(bundle), load_verifiers(keys) if keys else development_verifier())
        with ExitStack() as opened:
            model = load_model(checked.manifest, checked.digest, checked.model, threads=threads)
            opened.callback(model.close)
            yield cls(model, [opened.enter_context(closing(open_source(source))) for source in sources])

    def run(self) -> FrameLedger:
        """Work until the end; returns where every frame went. SourceError when a source failed on the way."""
        for _ in self.steps():
            pass
        return self.ledger

    def results(self) -> Iterator[Result]:
        """As `run`, each result in its turn. Work stands still meanwhile; giving up the iterator ends it in order."""
        fresh: list[Result] = []
        self._tell_also = fresh.append
        for _ in self.steps():
            yield from fresh
            fresh.clear()

    def steps(self) -> Iterator[None]:
        """As `run`, step by step: after each frame, and at least twice a second. To be used up, or closed."""
        self._desk.start()
        try:
            while not self._stopping and self._left != 0 and self._step():
                yield
            self._finish()
        finally:
            self._desk.stop()
            self._abandon()
        yield
        for station in self._stations:
            self._close_last_window(station)
        if not self._stopping and self._left != 0:
            self._desk.raise_failure()

    def stop(self) -> None:
        """End `run` after the frames in hand. From any thread, and from a signal handler."""
        self._stopping = True
        self._desk.quit()

    def replace(self, model: LoadedModel | Sequence[LoadedModel]) -> None:
        """Let `model` answer from the very next frame on. From any thread; no frame is lost by it."""
        self._station.replace(tuple(model) if isinstance(model, Sequence) else (model,))
        self._wake()

    def slow_to(self, frames_per_s: float | None) -> None:
        """Answer at most so many frames a second of each camera, until told otherwise. From any thread."""
        for lane in self._lanes:
            lane.seat.pace.limit(frames_per_s)
        self._wake()

    def _lane(self, camera: Source | Camera, max_frames_per_s: float | None) -> _Lane:
        if not isinstance(camera, Camera):
            camera = Camera(source=camera)
        station = self._station_of(tuple(camera.models)) if camera.models else self._station
        if station.serving.manifest.states and not (station.alone and station.unused):
            raise ConfigError(
                "a model that remembers the frame before can serve one camera with one interpreter",
                where=station.serving.release,
                fix="Give each camera a bundle of its own, and leave out --workers.",
            )
        lane = _Lane(camera, station, self._changed, max_frames_per_s, limit=self._left)
        station.opened(lane.ledger)
        return lane

    def _station_of(self, members: tuple[LoadedModel, ...]) -> Station:
        """Cameras that name the same model share it."""
        for station in self._stations:
            if station.model is members[0]:
                return station
        self._stations.append(Station(members, wake=self._wake))
        return self._stations[-1]

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _step(self) -> bool:
        """One frame, or one wait; False at the end of every source."""
        now = time.monotonic()
        if now >= self._next_window:
            self._close_windows_when_due()
        if self._crews:
            self._collect()
            taken = self._take(now)
        else:
            taken = self._desk.take(min(self._next_window, now + _PATIENCE_S))
        if taken is None:
            return not self._desk.over()
        number, frame = taken
        lane = self._lanes[number]
        station = lane.station
        if station.changed and not station.underway:
            self._change_model(station)
        if lane.watcher is not None and not lane.watcher.wants(frame):
            lane.ledger.gated()
        elif station.alone:
            self._account(lane, frame, run_frame(frame, station.serving))
        else:
            station.give(number, frame)
        return True

    def _take(self, now: float) -> tuple[int, Frame] | None:
        """The next frame, unless as many as are wanted are under way or there is something else to do first."""
        if self._left is not None and sum(station.underway for station in self._crews) >= self._left:
            with self._changed:
                if not self._something_done():
                    self._changed.wait(_PATIENCE_S)
            return None
        return self._desk.take(min(self._next_window, now + _PATIENCE_S), or_when=self._something_done)

    def _collect(self) -> None:
        """What the crews have answered."""
        for station in self._crews:
            while station.first_done():
                self._account_done(station)
            if station.changed and not station.underway:
                self._change_model(station)

    def _something_done(self) -> bool:
        return any(station.first_done() or (station.changed and not station.underway) for station in self._crews)

    def _account_done(self, station: Station) -> None:
        number, frame, result = station.done()
        self._account(self._lanes[number], frame, result)

    def _account(self, lane: _Lane, frame: Frame, result: Result) -> None:
        if result.error is UNSET:
            lane.ledger.inferred()
        elif result.error.cause == _DAMAGED:
            lane.ledger.damaged()
        else:
            lane.ledger.dropped(FAILED)
        if lane.watcher is not None:
            result = lane.watcher.look(frame, result)
        lane.station.meter.add(result)
        if self._left is not None:
            self._left -= 1
        if self._on_result is not None:
            self._on_result(result)
        if self._tell_also is not None:
            self._tell_also(result)
        if self._on_answer is not None:
            self._on_answer(frame, result)

    def _finish(self) -> None:
        """Tell what is still under way."""
        for station in self._stations:
            while station.underway:
                self._account_done(station)

    def _abandon(self) -> None:
        """After an error of a listener's: what is under way is answered, and nobody is left to be told."""
        for station in self._stations:
            while station.underway:
                self._lanes[station.done()[0]].ledger.dropped(STOPPING)
            station.close()

    def _change_model(self, station: Station) -> None:
        """A window, and a ledger, belong to one model."""
        self._close_last_window(station)
        station.change_model()

    def _close_windows_when_due(self) -> None:
        now = time.monotonic()
        for station in self._stations:
            if now - station.window_began >= self._window_s:
                self._close_window(station)
        self._next_window = min(station.window_began for station in self._stations) + self._window_s

    def _close_last_window(self, station: Station) -> None:
        """Before an end: a window that is over early, unless it saw nothing at all."""
        if station.saw_something():
            self._close_window(station)

    def _close_window(self, station: Station) -> None:
        window = station.close_window()
        if self._on_window is not None:
            self._on_window(window)


class _Lane:
    """One camera's way through the runtime."""

    def __init__(
        self, camera: Camera, station: Station, changed: threading.Condition, per_s: float | None, limit: int | None
    ) -> None:
        self.name, self.watcher, self.station = camera.source.name, camera.watcher, station
        self.ledger = Ledger()
        capture = Capture(camera.source, self.ledger, changed, policy=camera.policy, limit=limit)
        pace = Pace(camera.max_frames_per_s or per_s)
        self.seat = Seat(capture, pace) if station.alone else Seat(capture, pace, station.free)
