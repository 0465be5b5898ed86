"""The sentence a training begins with."""

from __future__ import annotations

from collections.abc import Sized

from trainer.data.divided import Divided
from trainer.settings import Resolved


def plan(data: Divided[Sized], settings: Resolved, *, of: str, how: str) -> str:
    """How many pictures `of` what are learnt from, in which size, and `how`."""
    counts = ", ".join(f"{len(pictures)} {name}" for name, pictures in data.splits.items())
    width, height = settings.preprocessing.size_wh
    return (
        f"Training {settings.name} on {counts} pictures {of}, {width}x{height} {settings.preprocessing.colour}, {how}"
    )
