"""Python under an emulated 64-bit Arm processor: what `scripts/arm prepare` made, called from Python.

Only one of the project's own programs is called by name here, the doctor, as every user of this asks it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from contract.errors import DataError

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "scripts" / "arm"
ROOT = REPOSITORY / os.environ.get("ARM_ROOT", ".arm")
PROCESSORS = ("cortex-a53", "cortex-a72", "cortex-a76")
"""Of Raspberry Pi 3 and Zero 2 W, 4, and 5, in qemu's words."""
PLANTED = ROOT / "planted"
"""Packages known to be bad, a folder each."""
_LIMIT_S = 900


class Emulated(NamedTuple):
    """A processor, the recorded board around it, and packages that come before the installed ones."""

    processor: str
    board: str = ""
    """A folder of `tests/data/boards`; by default the processor's Raspberry Pi."""
    first: Sequence[Path] = ()

    def python(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Python there with these arguments, whatever its exit code."""
        changes = {"ARM_BOARD": self.board, "ARM_FIRST": ":".join(map(str, self.first)), "ARM_ROOT": str(ROOT)}
        command = [SCRIPT, "run", self.processor, "--", "python", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_LIMIT_S, env={**os.environ, **changes}
        )

    def doctor(self, *arguments: str | Path) -> dict[str, tuple[str, str]]:
        """What `edgeferry doctor` says there: status and sentence by check."""
        done = self.python("-m", "edgeferry", "doctor", "--json", *arguments)
        if not done.stdout:
            raise DataError(f"the doctor died: {done.stderr[-300:]}", where=str(self), fix="Run scripts/arm prepare.")
        findings = json.loads(done.stdout)["findings"]
        return {finding["check"]: (finding["status"], finding["what"]) for finding in findings}


def prepare() -> None:
    """Make or renew the root; DataError with the last words of `scripts/arm` where that is not possible."""
    done = subprocess.run([SCRIPT, "prepare"], capture_output=True, text=True, check=False, timeout=_LIMIT_S)
    if done.returncode != 0:
        words = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise DataError(f"no arm64 root: {words}", where=str(SCRIPT), fix="It takes Debian's apt-get and a network.")
