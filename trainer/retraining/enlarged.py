"""A run's data and one added folder as one: old pictures keep their splits, the added ones are split by their groups.

A picture that the old data has already stays what it was, whatever the added folder calls it: a test picture is never
trained on because somebody added a copy of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Generic

import numpy as np
from msgspec.structs import replace as changed
from numpy.typing import NDArray

from contract.errors import DataError
from contract.run import Split
from trainer.data.division import digest_of_splits
from trainer.data.origin import SPLITS, SplitName
from trainer.retraining.added import AddedFolder
from trainer.retraining.group_splits import assign_groups
from trainer.retraining.lineage import Added
from trainer.retraining.picture_kind import D, P, PictureKind
from trainer.settings import Resolved


@dataclass(frozen=True, slots=True)
class Enlarged(Generic[D]):
    """Data that has grown by one folder."""

    data: D
    """In every split the old pictures come first."""
    added: Added
    by_group: bool


def enlarge(old: D, folder: AddedFolder, settings: Resolved, kind: PictureKind[P, D], *, seed: int) -> Enlarged[D]:
    """`old` with the pictures of `folder`, read and fitted as `settings` say; DataError where they do not suffice."""
    origin, old_labels = folder.origin, old.record.labels
    everything, unreadable = kind.load(origin, settings.preprocessing, settings.data)
    fresh, known = _unknown(everything, old.splits)
    if not len(fresh):
        raise DataError("all its pictures are known: the older data has the same", where=origin.text, fix="Add others.")
    listed = {one.name: one for one in origin.pictures}
    drawn = assign_groups(
        fresh.digests,
        [listed[name].group for name in fresh.names],
        kind.shown(fresh, len(origin.labels)),
        new_classes=range(len(old_labels), len(origin.labels)),
        seed=seed,
        settings=settings.data,
    )
    named = replace(fresh, names=tuple(f"{origin.text}/{name}" for name in fresh.names))
    splits = {name: named.take(_where(drawn.splits, name)) for name in SPLITS}
    trained = kind.shown(splits["train"], len(origin.labels)).sum(axis=0)
    _check_trained(trained, old_labels, origin.labels, origin.text)
    shown: dict[str, Split] = {name: kind.described(pictures, origin.labels) for name, pictures in splits.items()}
    added = Added(
        origin=origin.text,
        digest=digest_of_splits(shown),
        seed=seed,
        pictures=len(fresh),
        groups=drawn.groups,
        base_labels=old_labels,
        splits=shown,
        known=known,
        unlabelled=folder.unlabelled,
        unreadable=tuple(picture.listed.name for picture in unreadable),
        odd_boxes=tuple(map(str, origin.odd_boxes)),
    )
    return Enlarged(_together(old, splits, origin.labels, added, kind), added, drawn.by_group)


def _unknown(everything: P, old: Mapping[SplitName, P]) -> tuple[P, tuple[str, ...]]:
    """Pictures whose pixels neither `old` nor an earlier one of them has, and the names of the others."""
    seen = {digest for pictures in old.values() for digest in pictures.digests}
    fresh: list[int] = []
    known: list[str] = []
    for index, digest in enumerate(everything.digests):
        if digest in seen:
            known.append(everything.names[index])
        else:
            fresh.append(index)
        seen.add(digest)
    return everything.take(np.array(fresh, np.int64)), tuple(known)


def _where(splits: Sequence[SplitName], name: SplitName) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.flatnonzero(np.array(splits) == name)


def _check_trained(trained: NDArray[np.float64], old: Sequence[str], labels: Sequence[str], where: str) -> None:
    for number in range(len(old), len(labels)):
        if not trained[number]:
            raise DataError(
                f"no training picture of the new class {labels[number]!r}: its pictures are all of one group",
                where=where,
                fix="Add pictures of it from another device or day.",
            )


def _together(
    old: D, splits: Mapping[SplitName, P], labels: tuple[str, ...], added: Added, kind: PictureKind[P, D]
) -> D:
    joined = {name: join(old.splits[name], splits[name]) for name in SPLITS}
    shown: dict[str, Split] = {name: kind.described(pictures, labels) for name, pictures in joined.items()}
    record = changed(
        old.record,
        labels=labels,
        splits=shown,
        digest=digest_of_splits(shown),
        added=(*old.record.added, added),
    )
    return kind.whole(record, joined)


def join(first: P, second: P) -> P:
    """One after the other; what is known of some pictures alone is left away."""
    parts: dict[str, Any] = {}
    for field in fields(first):
        a, b = getattr(first, field.name), getattr(second, field.name)
        both = np.concatenate([a, b]) if isinstance(a, np.ndarray) else (*a, *b)
        parts[field.name] = both if len(both) == len(first) + len(second) else ()
    return replace(first, **parts)
