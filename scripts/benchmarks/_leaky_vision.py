"""The real vision process with one illness added, for `updates_recovery.py`: SIGUSR1 makes it hold 300 MiB for nothing.

python -m scripts.benchmarks._leaky_vision HANDLE
"""

from __future__ import annotations

import runpy
import signal

LEAK_MIB = 300
_held: list[bytes] = []


def _leak(*_: object) -> None:
    """Written to, so that it counts."""
    _held.append(b"x" * (LEAK_MIB << 20))


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _leak)
    runpy.run_module("edge.vision.child", run_name="__main__", alter_sys=False)
