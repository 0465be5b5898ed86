"""The device room: a frame's way from the camera to an answer, and an answer's way to the fleet.

Importing the room costs nothing; the four names other programs start from are loaded when they are asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.bundles import read_bundle
    from edge.model import load_model
    from edge.runtime import Runtime
    from edge.sources import open_source

__all__ = ["Runtime", "load_model", "open_source", "read_bundle"]
_HOMES = {
    "Runtime": "edge.runtime",
    "load_model": "edge.model",
    "open_source": "edge.sources",
    "read_bundle": "edge.bundles",
}


def __getattr__(name: str) -> object:
    """The public name `name`, from the file that has it (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'edge' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
