from __future__ import annotations

import threading
import time
from itertools import repeat
from pathlib import Path

from edge.cooling import Cooling
from edge.runtime import Runtime
from tests.edge.colours import loaded
from tests.edge.scripted_source import ScriptedSource
from tests.edge.test_thermal import zone


def warm(root: Path, millidegrees: str) -> None:
    (root / "sys/class/thermal/thermal_zone0/temp").write_text(millidegrees)


class Paced(Runtime):
    """Remembers what it was slowed to."""

    def __init__(self) -> None:
        super().__init__(loaded(), ScriptedSource(repeat("red")))
        self.slowed: list[float | None] = []

    def slow_to(self, frames_per_s: float | None) -> None:
        self.slowed.append(frames_per_s)
        super().slow_to(frames_per_s)


def test_a_hot_device_answers_fewer_frames_and_a_cool_one_all_again(tmp_path: Path) -> None:
    runtime = Paced()
    notes: list[str] = []
    threads: list[int | None] = []
    zone(tmp_path, 0, "cpu-thermal", "50000")
    cooling = Cooling(runtime, limit_c=80.0, full_rate=20.0, threads=threads.append, note=notes.append, root=tmp_path)
    cooling.look(0.0)
    assert runtime.slowed == []
    warm(tmp_path, "84000")
    for second in range(1, 400):
        cooling.look(float(second))
    hot = runtime.slowed[-1]
    assert hot is not None
    assert 2.0 <= hot < 10.0
    assert threads == [1]
    assert notes[0]
    warm(tmp_path, "40000")
    for second in range(400, 40_000, 5):
        cooling.look(float(second))
    assert runtime.slowed[-1] is None
    assert threads == [1, None]
    assert notes[-1] == ""


def test_without_a_configured_rate_the_measured_one_is_what_is_reduced(tmp_path: Path) -> None:
    runtime = Paced()
    answered = threading.Event()
    worker = threading.Thread(target=lambda: [answered.set() for _ in runtime.results()])
    worker.start()
    answered.wait()
    zone(tmp_path, 0, "cpu-thermal", "78000")
    cooling = Cooling(runtime, limit_c=80.0, root=tmp_path)
    time.sleep(0.1)
    for _ in range(3):
        cooling.look(time.monotonic() + 1000.0)
    runtime.stop()
    worker.join()
    assert runtime.slowed[0] is not None
    assert runtime.slowed[0] > 0


def test_it_looks_by_itself_and_ends_with_its_block(tmp_path: Path) -> None:
    zone(tmp_path, 0, "cpu-thermal", "84000")
    looked = threading.Event()
    with Cooling(Paced(), limit_c=80.0, full_rate=5.0, note=lambda _: looked.set(), root=tmp_path, every_s=0.01):
        assert looked.wait(20.0)
    assert not any(thread.name == "cooling" for thread in threading.enumerate())
