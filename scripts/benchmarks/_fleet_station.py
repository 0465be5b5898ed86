"""A whole fleet on this machine for `fleet.py`: mosquitto, PostgreSQL with fsync, one server, simulated devices."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tests.broker import Broker
from tests.fleet.parcel import write_bundle
from tests.fleet.postgres import postgres
from tests.fleet.server_process import ServerProcess
from tests.fleet.simulated import FLEET

MIX = "good=0.95,slow=0.03,lying-clock=0.01,flapping=0.01"
"""Nobody who would halt a rollout."""
BROKER = "max_queued_messages 100000\nset_tcp_nodelay true\n"
"""A collector that is slow for a moment must not lose who is there: the default keeps 1,000 messages."""
BUNDLE_BYTES = 5_000_000
MODEL = "digits@1"


class Simulation:
    """`edgeferry fleet simulate` as a person starts it."""

    def __init__(self, folder: Path, broker: Broker, name: str, devices: int, *options: str) -> None:
        self.devices = devices
        self.ledger, self.words = folder / f"{name}.jsonl", folder / f"{name}.log"
        given = ["--devices", str(devices), "--broker", broker.url, "--fleet", FLEET, "--json"]
        command = [sys.executable, "-m", "edgeferry", "fleet", "simulate", *given, "--ledger", str(self.ledger)]
        self.began_s = time.monotonic()
        with self.words.open("wb") as words:
            self.process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=words, text=True)

    def finish(self, *, stop: bool, within_s: float = 180.0) -> dict[str, Any]:
        """Its outcome, after its own end or told to stop."""
        if stop:
            self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=within_s)
        if self.process.returncode != 0:
            raise RuntimeError(self.words.read_text()[-2000:])
        outcome: dict[str, Any] = json.loads(said)
        return outcome

    def messages(self) -> dict[tuple[str, str], int]:
        """How many messages the store must hold, by device and boot."""
        lines = map(json.loads, self.ledger.read_text().splitlines())
        return {(line["device"], line["boot"]): line["messages"] for line in lines}


class Station:
    """Broker, store and server; closed by `running`."""

    def __init__(self, folder: Path, broker: Broker, store: str) -> None:
        self.folder, self.broker, self.store = folder, broker, store
        self.server = ServerProcess(folder, broker.url, "--store", store)

    @property
    def dsn(self) -> str:
        """For psycopg."""
        return self.store.replace("+psycopg", "")

    def release(self, version: int) -> str:
        """A bundle of five megabytes, uploaded."""
        content = version.to_bytes(4, "big") * (BUNDLE_BYTES // 4)
        self.server.client.release(write_bundle(self.folder, version=version, content=content))
        return f"digits@{version}"

    def peak_mb(self) -> float:
        """Of the server's process, as the kernel has counted it."""
        status = Path(f"/proc/{self.server.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1e3

    def cpu_s(self) -> float:
        """Processor time of the server so far."""
        times = psutil.Process(self.server.process.pid).cpu_times()
        return float(times.user + times.system)

    def missing(self, simulation: Simulation) -> dict[str, int]:
        """Messages sent and not stored, by device; only where there are any."""
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute("SELECT device, boot, telemetry + events + reported FROM progress").fetchall()
        stored = {(device, boot): count for device, boot, count in rows}
        wrong = {key: count - stored.get(key, 0) for key, count in simulation.messages().items()}
        return {f"{device} {boot}": count for (device, boot), count in wrong.items() if count}

    def online(self) -> int:
        """Devices the server sees."""
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute("SELECT count(*) FROM devices WHERE online AND birth IS NOT NULL").fetchone()
        return int(row[0]) if row else 0


@contextmanager
def running(folder: Path) -> Iterator[Station]:
    """A station at work."""
    broker = Broker(folder, also=BROKER)
    with postgres(fsync=True) as store:
        broker.start()
        try:
            station = Station(folder, broker, store)
            try:
                yield station
            finally:
                station.server.stop()
        finally:
            broker.stop()


def until(true: Callable[[], bool], *, within_s: float, what: str) -> float:
    """Seconds until it was true; RuntimeError where it never was."""
    began_s = time.monotonic()
    while not true():
        if time.monotonic() - began_s > within_s:
            raise RuntimeError(f"{what}: not within {within_s:.0f} s")
        time.sleep(0.25)
    return time.monotonic() - began_s
