"""May the new model replace the old one? Both on the same pictures, part by part, and a rule that says no.

The rule, stated with every verdict: a part (all pictures, a class, a slice) of at least `smallest_part` pictures is
refused where the new model gets more than `max_drop` of its pictures less right, and where that is no accident: fewer
than `evidence` of equal models would lose so many of the pictures that changed (one-sided exact sign test, which is
McNemar's), or the part has at least `enough` pictures. Drops beyond the limit without evidence are named and let pass.
Parts are judged one by one, so among many some refusal by chance is to be expected: look at the pictures it names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from contract.manifest import Digest
from trainer.data.dataset import Pictures
from trainer.measurement.comparison import Comparison, compared
from trainer.retraining.settings import Retraining

NAME = "comparison.json"
Verdict = Literal["accepted", "refused"]
_FEWEST_GROUPS = 5
"""To resample whole groups; of fewer the interval would be a toss-up."""


class Part(Struct, frozen=True, kw_only=True):
    """Some pictures of a test set: all, those of a class, or of a slice."""

    name: str
    """`all`, `class cat`, `device cam-1`."""
    pictures: int
    before: float
    """Share the old model gets right."""
    after: float
    lost: int
    """Pictures only the old model gets right."""
    won: int
    p: float
    """Of so many losses, or more, among the pictures that changed, if both models were equal; one-sided."""
    finding: Literal["holds", "drop not shown", "refused"]


class SetCompared(Struct, frozen=True, kw_only=True):
    """Both models on one test set."""

    name: Literal["old", "new"]
    """The base's test pictures, or those that came in addition."""
    whole: Comparison
    parts: tuple[Part, ...]


class Replacement(Struct, frozen=True, kw_only=True):
    """`comparison.json`."""

    schema: int = 1
    base: str
    base_weights: Digest
    weights: Digest
    sets: tuple[SetCompared, ...]
    rule: str
    verdict: Verdict
    reasons: tuple[str, ...]
    """Why it is refused."""
    doubts: tuple[str, ...]
    """Drops beyond the limit with too few pictures to show them."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """A test set with both models' scores (N, classes), in the numbering of the new one."""

    name: Literal["old", "new"]
    pictures: Pictures
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    columns: Mapping[str, Mapping[str, str]]
    """By name of a picture: what slices are made of."""
    groups: Mapping[str, str]
    """By name of a picture."""


def rule(limits: Retraining) -> str:
    """In words."""
    return (
        f"refused where a part of at least {limits.smallest_part} pictures has more than {limits.max_drop:.1%} of them "
        f"less right, and the sign test's one-sided p is at most {limits.evidence:g} or the part has at least "
        f"{limits.enough} pictures"
    )


def set_compared(answered: Answered, labels: Sequence[str], limits: Retraining) -> SetCompared:
    """Both models on one test set, whole and in parts."""
    truth = answered.pictures.labels
    before, after = (scores.argmax(axis=1) == truth for scores in (answered.before, answered.after))
    whole = compared(answered.before, answered.after, truth, groups=_numbered(answered))
    parts = tuple(_part(name, before[where], after[where], limits) for name, where in _parts(answered, labels))
    return SetCompared(name=answered.name, whole=whole, parts=parts)


def verdict_of(sets: Sequence[SetCompared]) -> tuple[Verdict, tuple[str, ...], tuple[str, ...]]:
    """The verdict, why it is refused, and what is in doubt."""
    reasons = tuple(_told(found, part) for found in sets for part in found.parts if part.finding == "refused")
    doubts = tuple(_told(found, part) for found in sets for part in found.parts if part.finding == "drop not shown")
    return "refused" if reasons else "accepted", reasons, doubts


def sign_p(lost: int, won: int) -> float:
    """Chance of at least `lost` losses among `lost + won` fair ones (binomial, 1/2)."""
    trials = lost + won
    return float(sum(math.comb(trials, number) for number in range(lost, trials + 1)) / 2**trials)


def _part(name: str, before: NDArray[np.bool_], after: NDArray[np.bool_], limits: Retraining) -> Part:
    lost, won, pictures = int(np.sum(before & ~after)), int(np.sum(after & ~before)), len(before)
    p = sign_p(lost, won)
    finding: Literal["holds", "drop not shown", "refused"] = "holds"
    if (lost - won) / pictures > limits.max_drop:
        shown = pictures >= limits.smallest_part and (p <= limits.evidence or pictures >= limits.enough)
        finding = "refused" if shown else "drop not shown"
    return Part(
        name=name,
        pictures=pictures,
        before=float(before.mean()),
        after=float(after.mean()),
        lost=lost,
        won=won,
        p=p,
        finding=finding,
    )


def _parts(answered: Answered, labels: Sequence[str]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Name and mask of each part that has pictures."""
    truth = answered.pictures.labels
    yield "all", np.ones(len(truth), np.bool_)
    for number, label in enumerate(labels):
        if (truth == number).any():
            yield f"class {label}", truth == number
    told = [answered.columns.get(name, {}) for name in answered.pictures.names]
    for column in sorted({column for row in told for column in row}):
        values = np.array([row.get(column, "") for row in told])
        for value in sorted(set(values.tolist()) - {""}):
            yield f"{column} {value}", values == value


def _numbered(answered: Answered) -> NDArray[np.int64] | None:
    """(N,) a number for each group; None where there are too few to resample."""
    names = [answered.groups.get(name, name) for name in answered.pictures.names]
    distinct = sorted(set(names))
    if not answered.groups or len(distinct) < _FEWEST_GROUPS:
        return None
    place = {name: number for number, name in enumerate(distinct)}
    return np.array([place[name] for name in names], np.int64)


def _told(found: SetCompared, part: Part) -> str:
    return (
        f"{part.name} on the {found.name} test set fell from {part.before:.1%} to {part.after:.1%} "
        f"({part.pictures} pictures, {part.lost} lost, {part.won} won, p {part.p:.2g})"
    )
