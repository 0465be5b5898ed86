"""How much more memory a process holds at its worst while it applies a delta: `python -m … DELTA BASE OUT`, in bytes.

Everything `edge.delta` imports is there before, as it is in the agent; zstandard is not, and counts.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from edge.delta import apply_delta
from edge.durable import Disk
from edge.memory import resident_bytes


def extra_bytes(delta: Path, base: Path, out: Path) -> int:
    """Measured in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "scripts.benchmarks._delta_memory",
        *(str(path.resolve()) for path in (delta, base, out)),
    ]
    root = Path(__file__).resolve().parents[2]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=root).stdout)


def main(delta: Path, base: Path, out: Path) -> None:
    """The high-water mark against what was resident before."""
    before = resident_bytes()
    apply_delta(delta, base, out, disk=Disk())
    sys.stdout.write(f"{_highest_bytes() - before}\n")


def _highest_bytes() -> int:
    """VmHWM of proc(5). getrusage's figure outlives exec(2), so it would be the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
