"""What a person says of a model beside its file: options of `edgeferry convert`, and nothing of how it is converted."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from contract.decoding import Task


class Asked(Struct, frozen=True, kw_only=True):
    """Each may be left out; what is missing and cannot be told otherwise is asked for by its name."""

    task: Task | None = None
    labels: Path | None = None
    """A text file, one label a line."""
    model_card: Path | None = None
    """See `converters/model_card.py`."""
    calibration: Path | None = None
    """A folder of pictures; or numbers, for a model that is fed them: `.npy`, `.csv` or `tensor:PATH?numbers=…`."""
    reference: Path | None = None
    """Another file said to be the same network."""
    name: str | None = None
