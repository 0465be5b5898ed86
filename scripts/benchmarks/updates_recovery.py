"""How soon frames are answered again after a vision process dies, hangs or leaks, and what an update costs the camera.

Real vision processes with their real workers, a tiny real model and a synthetic camera. Faults are signals at moments
drawn with a fixed seed; the time runs from the signal to the first answered frame of the process that replaces it.
Updates are whole walks of the real updater (HTTP, slots, shadow run, health window), half of them rolled back in their
health window; every result of the camera is kept with its time, and those around each change of model are looked at.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from msgspec import UNSET

from contract.codec import to_json
from contract.device import DeviceConfig, Inference, Telemetry
from contract.digest import digest_of
from contract.dsse import ASSIGNMENT_TYPE, sign
from contract.messages import Assignment, Limits
from contract.moments import rfc3339
from contract.progress import Progress
from contract.result import Result
from contract.states import FINAL, State
from devices.keys import development_signer, development_verifier
from edge.budget import Budget
from edge.crashes import Crashes
from edge.durable import Disk
from edge.slots import Slots
from edge.supply import Supply
from edge.trust import Trust
from edge.updater import Updater
from edge.vision.process import PROGRAM
from edge.vision.supervisor import Listener, Vision
from scripts.benchmarks._leaky_vision import LEAK_MIB
from scripts.benchmarks.figure import Figure, at_most
from tests.edge.file_server import FileServer
from tests.edge.tiny_bundle import device_config, install, write_bundle

BACK_WITHIN_S = 2.0
FRAMES_PER_S = 30.0
_LEAKY = (sys.executable, "-m", "scripts.benchmarks._leaky_vision")
_LIMIT_MIB = LEAK_MIB
"""Of the whole process: it holds about a third of that when it is well."""
_FAULTS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGSTOP, signal.SIGUSR1)
_SEED = 32
_BETWEEN_S = (4.0, 5.0)
_PATIENCE_S = 60.0
_AROUND_S = 0.5
"""So long before and after a change of model a frame belongs to it."""


class Answered(NamedTuple):
    """One result, as it came to the agent."""

    at_s: float
    frame: int
    digest: str
    ok: bool
    delay_ms: float
    """From the capture to the answer, in the vision process."""


class Watch:
    """Keeps every result and every change of who serves. Called on the supervisor's thread."""

    def __init__(self) -> None:
        self.answered: list[Answered] = []
        self.changes: list[tuple[float, str]] = []
        self.starts = 0
        self._changed = threading.Condition()
        self._vision: Vision

    def begin(self, vision: Vision) -> None:
        """Whose words these are."""
        self._vision = vision

    @property
    def listener(self) -> Listener:
        """For the supervisor."""
        return Listener(self.result, lambda _: None, lambda: None, self.serving, lambda _: None)

    def result(self, result: Result) -> None:
        """One frame."""
        times, age = result.latency_ms, result.age_ms
        took = 0.0 if times is UNSET else times.preprocess + times.invoke + times.postprocess
        delay = took + (0.0 if age is UNSET else age)
        with self._changed:
            if self.answered and result.frame <= self.answered[-1].frame:
                self.starts += 1
            now_s = time.monotonic()
            self.answered.append(Answered(now_s, result.frame, result.digest, result.error is UNSET, delay))
            self._changed.notify_all()

    def serving(self) -> None:
        """Another model, or another process."""
        with self._changed:
            self.changes.append((time.monotonic(), self._vision.serving.digest))

    def wait(self, until: Callable[[], bool]) -> None:
        """Asked after every result."""
        with self._changed:
            if not self._changed.wait_for(until, _PATIENCE_S):
                raise RuntimeError(f"nothing happened for {_PATIENCE_S:g} s")


def figures(short: bool) -> dict[str, Figure]:
    """Recovery by fault, then updates."""
    return {**_recovery(12 if short else 102), **_updates(4 if short else 30)}


def _recovery(faults: int) -> dict[str, Figure]:
    """Each kind in turn."""
    times_s: dict[signal.Signals, list[float]] = {fault: [] for fault in _FAULTS}
    chance = random.Random(_SEED)
    with _device(Inference(process_limit_mib=_LIMIT_MIB, threads=1), _LEAKY) as (_, vision, watch):
        for number in range(faults):
            fault = _FAULTS[number % len(_FAULTS)]
            # The next process in waiting is begun two seconds after a start.
            time.sleep(chance.uniform(*_BETWEEN_S))
            times_s[fault].append(_struck(fault, vision, watch))
    every = [one for found in times_s.values() for one in found]
    names = {signal.SIGSTOP: "hang", signal.SIGUSR1: "leak"}
    found = {}
    for fault, times in times_s.items():
        name = names.get(fault, fault.name.lower())
        found[f"back_after_{name}_p50"] = Figure(median(times), f"s, of {len(times)}")
        found[f"back_after_{name}_at_worst"] = at_most(max(times), BACK_WITHIN_S, "s")
    return {**found, "back_at_worst": at_most(max(every), BACK_WITHIN_S, f"s, of {faults} faults")}


def _struck(fault: signal.Signals, vision: Vision, watch: Watch) -> float:
    """Seconds from the fault to the first answered frame of the next process."""
    pid, begun = vision.pid, len(watch.changes)
    assert pid is not None
    began_s = time.monotonic()
    os.kill(pid, fault)
    watch.wait(lambda: len(watch.changes) > begun and watch.answered[-1].at_s > watch.changes[-1][0])
    back_s = next(one.at_s for one in reversed(watch.answered) if one.ok) - began_s
    watch.wait(lambda: watch.answered[-1].frame > 5)
    return back_s


def _updates(walks: int) -> dict[str, Figure]:
    """Good and bad ones in turn; what the camera's frames saw of it."""
    with (
        tempfile.TemporaryDirectory() as kept,
        FileServer(Path(kept)) as server,
        _device(Inference(threads=1), PROGRAM, fps=FRAMES_PER_S) as (slots, vision, watch),
    ):
        walker = _Walker(slots, vision, server)
        watch.wait(lambda: len(watch.answered) > 60)
        for number in range(walks):
            # A good one is not held by the device any more when its turn comes again.
            walker.walk(2 + number // 2 % 3 if number % 2 == 0 else 9, bad=number % 2 == 1)
        walker.close()
        return _seen(watch, walks, walker.ends)


def _seen(watch: Watch, walks: int, ends: list[State]) -> dict[str, Figure]:
    """Frame numbers say what was left out; times, how long the camera was without an answer."""
    answered = watch.answered
    pairs = list(pairwise(answered))
    moments = [at_s for at_s, _ in watch.changes[1:]]
    near = [(a, b) for a, b in pairs if any(abs(b.at_s - at_s) < _AROUND_S for at_s in moments)]
    calm = [(a, b) for a, b in pairs if all(abs(b.at_s - at_s) >= _AROUND_S for at_s in moments)]
    interval_ms = 1e3 / FRAMES_PER_S
    about = f"around {len(moments)} changes of model in {walks} updates"
    assert ends == ["committed", "rolled-back"] * (walks // 2), ends
    return {
        "frames_without_an_answer": at_most(_left_out(near), 0, about),
        "frames_without_an_answer_calm": Figure(_left_out(calm), f"frames of {len(calm)} others; {len(near)} around"),
        "frame_waits_at_worst": at_most(max(b.delay_ms for _, b in near), interval_ms, f"ms from capture, {about}"),
        "frame_waits_at_worst_calm": Figure(max(b.delay_ms for _, b in calm), "ms, of others"),
        "gap_at_worst": Figure(max(b.at_s - a.at_s for a, b in near) * 1e3, "ms between results, heard by the agent"),
        "gap_at_worst_calm": Figure(max(b.at_s - a.at_s for a, b in calm) * 1e3, "ms"),
        "gap_median": Figure(median(b.at_s - a.at_s for a, b in near) * 1e3, f"ms, the camera's is {interval_ms:.1f}"),
    }


def _left_out(pairs: list[tuple[Answered, Answered]]) -> int:
    """Frames that were answered with an error, or whose numbers are missing."""
    return sum(not b.ok for _, b in pairs) + sum(b.frame - a.frame - 1 for a, b in pairs)


class _Walker:
    """The real updater, fed with assignments."""

    def __init__(self, slots: Slots, vision: Vision, server: FileServer) -> None:
        state, self._server = slots.folder.parent, server
        key = development_signer()
        self._key, self._counter, self.ends = key, 0, list[State]()
        trust = Trust(publishers=development_verifier(), fleet=development_verifier())
        disk = Disk()
        supply = Supply(state, disk, Budget(state, disk, month_bytes=None, clock=time.time))
        self._over = threading.Event()
        self._updater = Updater(_config(state, Inference()), trust, slots, supply, report=self._heard)
        self._updater.recover()
        self._updater.start(vision)

    def walk(self, version: int, *, bad: bool) -> None:
        """One assignment to its end. A bad one is found out by its health window."""
        bundle = write_bundle(self._server.folder, version, confidence=0.4 if bad else 0.9)
        data = bundle.read_bytes()
        self._counter += 1
        assignment = Assignment(
            fleet="test",
            device="cam-1",
            counter=self._counter,
            digest=digest_of(data),
            name="tiny",
            version=version,
            size_bytes=len(data),
            url=f"{self._server.url}/{bundle.name}",
            deadline=rfc3339(time.time() + 600.0),
            limits=Limits(shadow_frames=0 if bad else 10, health_frames=15, min_mean_confidence=0.6),
        )
        key = self._key
        self._over.clear()
        envelope = sign(ASSIGNMENT_TYPE, to_json(assignment), key.keyid, key.sign, detached=False)
        self._updater.desired(to_json(envelope))
        if not self._over.wait(_PATIENCE_S):
            raise RuntimeError("an update does not end")
        time.sleep(1.5 * _AROUND_S)

    def close(self) -> None:
        """No more."""
        self._updater.stop()

    def _heard(self, progress: Progress) -> None:
        if progress.state in FINAL:
            self.ends.append(progress.state)
            self._over.set()


@contextmanager
def _device(
    inference: Inference, program: tuple[str, ...], *, fps: float = 100.0
) -> Iterator[tuple[Slots, Vision, Watch]]:
    """A supervisor with its vision process, serving tiny@1."""
    with tempfile.TemporaryDirectory() as kept:
        state = Path(kept) / "state"
        state.mkdir()
        slots, watch = Slots(state), Watch()
        slot = install(slots, write_bundle(Path(kept), 1))
        slots.activate(slot.digest)
        # So many faults are meant to be borne here.
        crashes = Crashes(most=1_000_000)
        vision = Vision(_config(state, inference, fps), slots.folder, watch.listener, program=program, crashes=crashes)
        watch.begin(vision)
        vision.start(slot)
        try:
            yield slots, vision, watch
        finally:
            vision.stop()
            vision.wait()


def _config(state: Path, inference: Inference, fps: float = 100.0) -> DeviceConfig:
    source = f"synthetic:?size=320x240&fps={fps:g}"
    return device_config(state, source, inference=inference, telemetry=Telemetry(events="all"))
