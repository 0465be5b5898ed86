"""What every dataset that is ready for training has in common, whatever its pictures are marked with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from trainer.data.origin import SplitName


class Shown(Protocol):
    """The pictures of one split."""

    def __len__(self) -> int: ...

    def lines(self, labels: Sequence[str]) -> list[str]:
        """A line a picture, in their order: its digest and what it shows."""


class Divided(Protocol):
    """A dataset in its three splits."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Index is the class number."""

    @property
    def splits(self) -> Mapping[SplitName, Shown]:
        """Train, validation and test."""
