"""What the command line says of a retraining."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wish:
    """Fields are called as the options of `edgeferry train`."""

    base: Path
    add: tuple[str, ...]
    path: str | None = None
    """Where the base's pictures are now."""
    from_scratch: bool = False
    without_old_data: bool = False
    keep_refused: bool = False
    epochs: int | None = None
    seed: int | None = None
    threads: int | None = None
    name: str | None = None
    skip_unreadable: bool = False
    config: Path | None = None
