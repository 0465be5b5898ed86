"""A private environment for peers whose libraries the kit does not want beside its own, made once and kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("mediapipe==1.2.2",)
"""It brings its own OpenCV and numpy."""
_INSTALL_LIMIT_S = 900


class PeerPython(NamedTuple):
    """The interpreter with the peers' libraries, or why there is none."""

    path: Path | None
    reason: str


def peer_python() -> PeerPython:
    """The environment's interpreter; made first where it is not there, which downloads about 150 MB and says so."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "edgeferry" / "peers" / "-".join((*PACKAGES, f"{sys.version_info[0]}.{sys.version_info[1]}"))
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return PeerPython(python, "")
    sys.stderr.write(f"Installing {', '.join(PACKAGES)} into {folder}: downloads about 150 MB, once.\n")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        venv.create(folder, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
        subprocess.run(install, check=True, capture_output=True, text=True, timeout=_INSTALL_LIMIT_S)
    except subprocess.CalledProcessError as problem:
        words = (problem.stderr or problem.stdout or "").strip().splitlines() or ["no word from it"]
        return PeerPython(None, f"{' '.join(PACKAGES)} could not be installed: {words[-1]}")
    except (OSError, subprocess.TimeoutExpired) as problem:
        return PeerPython(None, f"{' '.join(PACKAGES)} could not be installed: {problem}")
    (folder / "complete").touch()
    return PeerPython(python, "")
