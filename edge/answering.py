"""What the loop asks of a model, wherever it runs: in this process (`edge/model.py`) or in one of its own."""

from __future__ import annotations

from typing import Protocol

from contract.manifest import Manifest
from edge.backends import Backend
from edge.frames import Pixels
from edge.model import Answer


class Named(Protocol):
    """Something with a name a person recognises."""

    @property
    def name(self) -> str:
        """E.g. `ai-edge-litert 2.3.0`."""
        ...


class Answering(Protocol):
    """A model ready to answer one frame at a time."""

    manifest: Manifest
    digest: str
    """Of the bundle's file."""
    release: str
    """`NAME@VERSION`."""

    @property
    def backend(self) -> Backend | Named:
        """Who runs it."""
        ...

    def answer(self, pixels_bgr: Pixels) -> Answer:
        """For one frame (h, w, 3) BGR; BackendError or DamagedFrameError where there is no answer."""
        ...

    def close(self) -> None:
        """Give its memory back."""
        ...
