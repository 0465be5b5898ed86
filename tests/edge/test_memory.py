from __future__ import annotations

from pathlib import Path

import numpy as np

from edge.memory import resident_bytes


def test_memory_that_is_touched_is_counted() -> None:
    before = resident_bytes()
    held = np.ones(8 * 1024**2)
    assert resident_bytes() - before > held.nbytes // 2


def test_without_proc_there_is_no_figure(tmp_path: Path) -> None:
    assert resident_bytes(tmp_path) == 0
