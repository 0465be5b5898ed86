from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from edge.memory import available_bytes, resident_bytes

THREADS_THAT_ALLOCATE = """
import sys, threading
from edge.memory import keep_one_heap, resident_bytes

keep_one_heap()

def work():
    for _ in range(3):
        blocks = [bytearray(size) for size in (2 << 20, 300_000, 60_000) for _ in range(8)]

before = resident_bytes()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(resident_bytes() - before > 1 << 20)
"""
"""By default glibc keeps about 6 MB here."""


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


def test_what_threads_free_is_given_back() -> None:
    """In a process of its own: what glibc is told holds for good."""
    subprocess.run([sys.executable, "-c", THREADS_THAT_ALLOCATE], check=True)


def test_what_is_left_is_what_the_kernel_says(tmp_path: Path) -> None:
    assert available_bytes() > 0
    (tmp_path / "meminfo").write_text("MemTotal:  900 kB\nMemAvailable:     300 kB\n")
    assert available_bytes(tmp_path) == 300 * 1024
    assert available_bytes(tmp_path / "absent") == 0
