"""A few devices in one process, made to be killed: real outbox, reporter and link, and a note of what they accepted.

    python -m scripts.benchmarks._zero_loss_agents FOLDER BROKER FLEET DEVICES READINGS RATE BEGAN

DEVICES are names with commas between; RATE is readings a second of each; BEGAN is the campaign's beginning on the
monotonic clock, so that whoever was killed catches up. A reading carries a number of its device's own, one larger each
time. The number is noted in DEVICE.ledger after the reporter has returned, with a plain write(2), which a SIGKILL
cannot take back: whatever is noted was accepted. A reading that was accepted and not noted before the kill may arrive
too; numbers begin anew at each start, above all earlier ones, so that none is ever given to two readings.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from contract.device import Broker
from contract.flight import Flight
from contract.messages import Birth, FrameLedger, Percentiles
from edge.outbox import Outbox
from edge.quiet import Quiet
from edge.reporter import Reporter
from edge.telemetry import Window

NUMBER_BYTES = 4
DIGEST = "sha256:" + "0" * 64
_MOST_A_START = 1_000_000
_TICK_S = 0.02
_OUTBOX_BYTES = 256 << 20


class Device:
    """One of them."""

    def __init__(self, folder: Path, broker: str, fleet: str, name: str) -> None:
        self._ledger = os.open(folder / f"{name}.ledger", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        noted = noted_numbers(folder / f"{name}.ledger")
        self.made = len(noted)
        self._number = _counted_start(folder / f"{name}.starts") * _MOST_A_START
        self._outbox = Outbox(folder / f"{name}.db", _OUTBOX_BYTES, max_age_s=7 * 86_400)
        self._reporter = Reporter(
            Broker(url=broker),
            fleet,
            name,
            outbox=self._outbox,
            birth=self._birth,
            flight=Flight(wait_s=1.0, longest_wait_s=20.0),
            quiet=Quiet(),
        )
        self._reporter.start()

    @property
    def waiting(self) -> int:
        """Readings the collector has not acknowledged."""
        return self._outbox.waiting

    def read(self) -> None:
        """One reading more, noted once it is accepted."""
        self._number += 1
        accepted = self._reporter.sent
        self._reporter.window(_window(self._number))
        if self._reporter.sent != accepted + 1:
            raise RuntimeError("the outbox refused a reading")
        os.write(self._ledger, self._number.to_bytes(NUMBER_BYTES, "big"))
        self.made += 1

    def close(self) -> None:
        """Everything has been acknowledged."""
        self._reporter.close(1.0)
        os.close(self._ledger)

    def _birth(self) -> Birth:
        return Birth(
            at="",
            boot=self._outbox.boot,
            profile="rpi4",
            edgeferry="0",
            python="3",
            backend="none",
            model="digits@1",
            digest=DIGEST,
        )


def noted_numbers(ledger: Path) -> list[int]:
    """What a ledger holds, in its order."""
    data = ledger.read_bytes() if ledger.exists() else b""
    whole = len(data) - len(data) % NUMBER_BYTES
    return [int.from_bytes(data[at : at + NUMBER_BYTES], "big") for at in range(0, whole, NUMBER_BYTES)]


def _counted_start(file: Path) -> int:
    """How many starts there were before this one, which is counted before anything else happens."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, b".")
    os.close(handle)
    return file.stat().st_size - 1


def _window(number: int) -> Window:
    """As a device in front of a busy street would close it."""
    return Window(
        ended_at=time.time(),
        window_s=5.0,
        model="digits@1",
        digest=DIGEST,
        ledger=FrameLedger(captured=number, inferred=number),
        frames_per_s=10.0,
        latency_ms={"total": Percentiles(p50=4.0, p95=6.5, p99=9.0)},
        classes={"3": 40, "7": 9, "9": 1},
        mean_confidence=0.91,
        rss_bytes=58_000_000,
        temperature_c=51.5,
    )


def run(folder: Path, broker: str, fleet: str, names: list[str], readings: int, rate: float, began: float) -> None:
    """Make every reading in its time, then wait until all are acknowledged."""
    devices = [Device(folder, broker, fleet, name) for name in names]
    while any(device.made < readings for device in devices):
        due = min(readings, int((time.monotonic() - began) * rate))
        for device in devices:
            while device.made < due:
                device.read()
        time.sleep(_TICK_S)
    while any(device.waiting for device in devices):
        time.sleep(_TICK_S)
    for device in devices:
        device.close()


if __name__ == "__main__":
    place, url, named, listed, many, each_s, zero = sys.argv[1:]
    run(Path(place), url, named, listed.split(","), int(many), float(each_s), float(zero))
