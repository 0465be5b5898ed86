"""What the agent itself weighs: memory, processor time, threads and files of its own process; and how soon it serves.

A real agent as systemd starts it, with a broker over TLS and a camera over HTTP: idle, after an update through TUF
metadata and a delta, and with the camera away. The processes under it are told separately: their size is the inference
library's and the model's matter. What an idle device sends is `updates_idle_traffic.py`'s.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from contract.states import FINAL
from scripts.benchmarks._small_station import DEVICE, Station, TlsBroker
from scripts.benchmarks.figure import Figure, at_most
from tests.edge.collector import Collector
from tests.edge.file_server import FileServer
from tests.edge.http_camera import HttpCamera

MEMORY_GOAL_MB = 45.0
IDLE_GOAL_PERCENT = 1.0
_FRAMES_PER_S = 10.0
_PATIENCE_S = 60.0
_REST_S = 1.0
_MB = 1e6


class Seen(NamedTuple):
    """One process at one moment."""

    resident_mb: float
    proportional_mb: float
    """Pages shared with other processes counted by their share (PSS)."""
    peak_mb: float
    threads: int
    files: int


class Started(NamedTuple):
    """A running agent, and milliseconds from its exec."""

    process: psutil.Process
    ready_ms: float
    answered_ms: float
    """Until the collector had the first answered frame."""


class Found(NamedTuple):
    """All that was measured."""

    started: Started
    idle: Seen
    idle_percent: float
    children_mb: dict[str, float]
    updated: Seen
    updated_percent: float
    away_percent: float


def figures(short: bool) -> dict[str, Figure]:
    """Memory, processor time and start-up. MB are a million bytes, percent of one core."""
    with tempfile.TemporaryDirectory() as name:
        found = _measured(Path(name), 4.0 if short else 120.0)
    idle, updated = found.idle, found.updated
    return {
        "resident": at_most(idle.resident_mb, MEMORY_GOAL_MB, "MB"),
        "resident_after_update": at_most(updated.resident_mb, MEMORY_GOAL_MB, "MB"),
        "proportional": Figure(idle.proportional_mb, "MB, shared pages by their share"),
        "proportional_after_update": Figure(updated.proportional_mb, "MB, shared pages by their share"),
        "peak": Figure(updated.peak_mb, "MB, the update included"),
        "idle": at_most(found.idle_percent, IDLE_GOAL_PERCENT, f"% of a core, {_FRAMES_PER_S:g} frames/s"),
        "idle_after_update": at_most(found.updated_percent, IDLE_GOAL_PERCENT, "% of a core"),
        "camera_away": at_most(found.away_percent, IDLE_GOAL_PERCENT, "% of a core"),
        "threads": Figure(updated.threads, ""),
        "files": Figure(updated.files, "descriptors"),
        "vision_process": Figure(found.children_mb["edge.vision.child"], "MB, in the process with the cameras"),
        "worker": Figure(found.children_mb["edge.worker"], "MB, in the process with the model"),
        "ready": Figure(found.started.ready_ms, "ms from exec to READY=1"),
        "first_answer": Figure(found.started.answered_ms, "ms from exec to the first answer at the collector"),
    }


def _measured(folder: Path, idle_s: float) -> Found:
    station, broker = Station(folder), TlsBroker(folder)
    with ExitStack() as stack:
        broker.start()
        stack.callback(broker.stop)
        server = stack.enter_context(FileServer(station.served))
        camera = stack.enter_context(HttpCamera(frames_per_s=_FRAMES_PER_S))
        collector = stack.enter_context(Collector(broker.port))
        station.write_config(broker.tls_url, broker.ca_file, source=camera.url)
        started = stack.enter_context(_agent(station, collector))
        process = started.process
        idle_percent, idle, children_mb = _percent(process, idle_s), _seen(process), _children_mb(process)
        _update(collector, station.assignment(server.url))
        updated_percent, updated = _percent(process, idle_s), _seen(process)
        camera.habit = "refuse"
        away_percent = _percent(process, idle_s)
    return Found(started, idle, idle_percent, children_mb, updated, updated_percent, away_percent)


@contextmanager
def _agent(station: Station, collector: Collector) -> Iterator[Started]:
    """Started, and answering; ended afterwards."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(station.folder / "notify"))
        systemd.settimeout(_PATIENCE_S)
        began_s = time.monotonic()
        process = station.start(NOTIFY_SOCKET=str(station.folder / "notify"))
        try:
            systemd.recv(1000)
            ready_s = time.monotonic()
            collector.wait_until(lambda: any(batch.events for _, batch in collector.batches), _PATIENCE_S)
            answered_s = time.monotonic()
            yield Started(psutil.Process(process.pid), (ready_s - began_s) * 1e3, (answered_s - began_s) * 1e3)
        finally:
            process.terminate()
            process.wait(_PATIENCE_S)


def _update(collector: Collector, assignment: bytes) -> None:
    collector.publish(DEVICE, "desired", assignment)
    collector.wait_until(lambda: any(told.state in FINAL for told in collector.reported()), _PATIENCE_S)
    last = collector.reported()[-1]
    if last.state != "committed":
        raise RuntimeError(f"the update ended as {last.state}: {last.detail}")


def _seen(process: psutil.Process) -> Seen:
    memory = process.memory_full_info()
    status = Path(f"/proc/{process.pid}/status").read_text()
    peak_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return Seen(
        resident_mb=memory.rss / _MB,
        proportional_mb=memory.pss / _MB,
        peak_mb=peak_kib * 1024 / _MB,
        threads=process.num_threads(),
        files=process.num_fds(),
    )


def _children_mb(process: psutil.Process) -> dict[str, float]:
    """Resident, by the module each was started with."""
    return {child.cmdline()[2]: child.memory_info().rss / _MB for child in process.children(recursive=True)}


def _percent(process: psutil.Process, for_s: float) -> float:
    """Of one core, over `for_s`, once things have calmed down."""
    time.sleep(_REST_S)
    before_ns, began_s = _ran_ns(process), time.monotonic()
    time.sleep(for_s)
    return (_ran_ns(process) - before_ns) / 1e7 / (time.monotonic() - began_s)


def _ran_ns(process: psutil.Process) -> int:
    """Of all its threads: the first field of schedstat, which counts finer than the hundredths of `stat`."""
    threads = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads)
