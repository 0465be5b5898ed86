"""What pictures with a class each and pictures with boxes do their own way when a run's data grow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from contract.manifest import Preprocessing
from contract.run import Split
from trainer.data.dataset import DatasetRecord
from trainer.data.divided import Divided
from trainer.data.origin import Origin, SplitName
from trainer.data.reading import Unreadable
from trainer.retraining.added import AddedFolder
from trainer.settings import DataSettings


class Loaded(Protocol):
    """Fitted pictures with what is said about them, a dataclass whose fields go picture by picture."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def names(self) -> tuple[str, ...]:
        """As `Listed.name`."""

    @property
    def digests(self) -> tuple[str, ...]:
        """Of the pixels as read."""

    def __len__(self) -> int: ...

    def take(self, indices: NDArray[np.int64]) -> Any:
        """Those at `indices`."""


P = TypeVar("P", bound=Loaded)
D = TypeVar("D", bound=Divided[Any])


@dataclass(frozen=True, slots=True)
class PictureKind(Generic[P, D]):
    """Pictures P and a dataset D of them."""

    opened: Callable[[str, Sequence[str]], AddedFolder]
    """A folder to add to data with these labels."""
    prepared: Callable[..., D]
    """`trainer.data.dataset.prepare`, or its like."""
    load: Callable[[Origin, Preprocessing, DataSettings], tuple[P, list[Unreadable]]]
    unpacked: Callable[[Mapping[str, NDArray[Any]], tuple[str, ...], tuple[str, ...]], P]
    """From the arrays of `calibration.npz` or `golden.npz`, names and digests; ValueError or KeyError for others."""
    shown: Callable[[P, int], NDArray[np.float64]]
    """(N, classes) 1 where a picture shows a class."""
    described: Callable[[P, Sequence[str]], Split]
    whole: Callable[[DatasetRecord, dict[SplitName, P]], D]
    """The dataset of these splits; the record is completed."""
