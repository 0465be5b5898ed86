"""Where a person's own runs keep what was measured or built once; a device has its state folder for that."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Of this user, by the XDG base directory specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgeferry"
