"""May the new model replace the old one? Both on the same pictures, part by part, and a rule that says no.

A part is all pictures of a test set, those of a class, or of a slice. It is refused where the new model is worse on it
by more than `max_drop`, and where that is shown: `answers_compared.py` and `boxes_compared.py` say how, for the two
tasks. Drops beyond the limit that are not shown are named and let pass. Parts are judged one by one, so among many some
refusal by chance is to be expected: look at the pictures it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, Protocol, TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract.manifest import Digest
from trainer.retraining.settings import Retraining

NAME = "comparison.json"
Verdict = Literal["accepted", "refused"]
Finding = Literal["holds", "drop not shown", "refused"]
SetName = Literal["old", "new"]
"""The base's test pictures, or those that came in addition."""
_FEWEST_GROUPS = 5
"""To take whole groups; of fewer an interval would be a toss-up, and a test could show nothing."""


class Judged(Protocol):
    """Some pictures of a test set: all, those of a class, or of a slice."""

    @property
    def finding(self) -> Finding:
        """Whether the new model may be what it is on them."""

    def told(self, name: SetName) -> str:
        """What became of them: `all on the old test set fell from 90.0% to 80.0% (…)`."""


class SetCompared(Protocol):
    """Both models on one test set, as `comparison.json`, card and report have it."""

    COLUMNS: ClassVar[tuple[str, ...]]
    """What `rows` have."""

    @property
    def name(self) -> SetName:
        """Which one."""

    @property
    def parts(self) -> Sequence[Judged]:
        """All pictures first."""

    @property
    def figures(self) -> tuple[float, float]:
        """The figure of the whole, before and after."""

    def in_words(self) -> str:
        """The whole in a sentence without a full stop."""

    def figures_in_words(self) -> str:
        """Before and after alone."""

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A line a part."""


S = TypeVar("S", bound=SetCompared)


class Replacement(Struct, Generic[S], frozen=True, kw_only=True):
    """`comparison.json`."""

    schema: int = 1
    base: str
    base_weights: Digest
    weights: Digest
    sets: tuple[S, ...]
    rule: str
    verdict: Verdict
    reasons: tuple[str, ...]
    """Why it is refused."""
    doubts: tuple[str, ...]
    """Drops beyond the limit with too few pictures to show them."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeasuredSet:
    """What is known about the pictures of a test set."""

    name: SetName
    names: tuple[str, ...]
    """Of the pictures (N,)."""
    columns: Mapping[str, Mapping[str, str]]
    """By name of a picture: what slices are made of."""
    groups: Mapping[str, str]
    """By name of a picture."""

    def slices(self) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Name and mask (N,) of the pictures that have one thing in common."""
        told = [self.columns.get(name, {}) for name in self.names]
        for column in sorted({column for row in told for column in row}):
            values = np.array([row.get(column, "") for row in told])
            for value in sorted(set(values.tolist()) - {""}):
                yield f"{column} {value}", values == value

    def numbered(self, where: NDArray[np.bool_] | None = None) -> NDArray[np.int64] | None:
        """A number for each group of the pictures, or of those `where` (N,) says; None where there are too few."""
        names = [
            self.groups.get(name, name) for number, name in enumerate(self.names) if where is None or where[number]
        ]
        distinct = sorted(set(names))
        if not self.groups or len(distinct) < _FEWEST_GROUPS:
            return None
        place = {name: number for number, name in enumerate(distinct)}
        return np.array([place[name] for name in names], np.int64)


def finding_of(drop: float, pictures: int, limits: Retraining, *, shown: bool) -> Finding:
    """Of a part that is worse by `drop`; `shown` says whether that is no accident."""
    if drop <= limits.max_drop:
        return "holds"
    return "refused" if shown and pictures >= limits.smallest_part else "drop not shown"


def verdict_of(sets: Sequence[SetCompared]) -> tuple[Verdict, tuple[str, ...], tuple[str, ...]]:
    """The verdict, why it is refused, and what is in doubt."""
    reasons, doubts = (
        tuple(part.told(found.name) for found in sets for part in found.parts if part.finding == finding)
        for finding in ("refused", "drop not shown")
    )
    return "refused" if reasons else "accepted", reasons, doubts
