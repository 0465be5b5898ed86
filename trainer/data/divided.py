"""What every dataset that is ready for training has in common, whatever its pictures are marked with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import Protocol, TypeVar

from trainer.data.dataset import DatasetRecord
from trainer.data.origin import SplitName

S = TypeVar("S", bound=Sized, covariant=True)


class Divided(Protocol[S]):
    """A dataset in its three splits."""

    @property
    def record(self) -> DatasetRecord:
        """What is written about it."""

    @property
    def splits(self) -> Mapping[SplitName, S]:
        """Train, validation and test."""


class Told(Sized, Protocol):
    """Pictures that can be written down."""

    def lines(self, labels: Sequence[str]) -> list[str]:
        """A line a picture, in their order: its digest and what it shows."""
