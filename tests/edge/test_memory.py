from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from edge.memory import available_bytes, resident_bytes


def test_memory_that_is_touched_is_counted() -> None:
    before = resident_bytes()
    held = np.ones(8 * 1024**2)
    assert resident_bytes() - before > held.nbytes // 2


def test_without_proc_there_is_no_figure(tmp_path: Path) -> None:
    assert resident_bytes(tmp_path) == 0


def test_another_process_is_measured_while_it_runs() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert resident_bytes(pid=child.pid) > 0
    finally:
        child.communicate()
    assert resident_bytes(pid=child.pid) == 0


def test_what_is_left_is_what_the_kernel_says(tmp_path: Path) -> None:
    assert available_bytes() > 0
    (tmp_path / "meminfo").write_text("MemTotal:  900 kB\nMemAvailable:     300 kB\n")
    assert available_bytes(tmp_path) == 300 * 1024
    assert available_bytes(tmp_path / "absent") == 0
