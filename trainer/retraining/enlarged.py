"""A run's data and one added folder as one: old pictures keep their splits, the added ones are split by their groups.

A picture that the old data has already stays what it was, whatever the added folder calls it: a test picture is never
trained on because somebody added a copy of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from msgspec.structs import replace as changed

from contract.digest import digest_of_chunks
from contract.errors import DataError
from contract.run import Split
from trainer.data.dataset import Pictures, Prepared, load, split_record
from trainer.data.origin import SPLITS, SplitName
from trainer.retraining.added import AddedFolder
from trainer.retraining.group_splits import assign_groups
from trainer.retraining.lineage import Added
from trainer.settings import Resolved


@dataclass(frozen=True, slots=True)
class Enlarged:
    """Data that has grown by one folder."""

    data: Prepared
    """In every split the old pictures come first."""
    added: Added
    by_group: bool


def enlarge(old: Prepared, folder: AddedFolder, settings: Resolved, *, seed: int) -> Enlarged:
    """`old` with the pictures of `folder`, read and fitted as `settings` say; DataError where they do not suffice."""
    origin = folder.origin
    everything, unreadable = load(origin, settings.preprocessing, settings.data)
    fresh, known = _unknown(everything, old)
    if not len(fresh):
        raise DataError("all its pictures are known: the older data has the same", where=origin.text, fix="Add others.")
    listed = {one.name: one for one in origin.pictures}
    drawn = assign_groups(
        fresh.digests,
        [listed[name].group for name in fresh.names],
        fresh.labels,
        new_classes=range(len(old.labels), len(origin.labels)),
        seed=seed,
        settings=settings.data,
    )
    named = replace(fresh, names=tuple(f"{origin.text}/{name}" for name in fresh.names))
    splits = {name: named.take(_where(drawn.splits, name)) for name in SPLITS}
    _check_trained(splits["train"], old.labels, origin.labels, origin.text)
    shown: dict[str, Split] = {name: split_record(pictures, origin.labels) for name, pictures in splits.items()}
    added = Added(
        origin=origin.text,
        digest=_digest(shown),
        seed=seed,
        pictures=len(fresh),
        groups=drawn.groups,
        base_labels=old.labels,
        splits=shown,
        known=known,
        unlabelled=folder.unlabelled,
        unreadable=tuple(picture.listed.name for picture in unreadable),
    )
    return Enlarged(_together(old, splits, origin.labels, added), added, drawn.by_group)


def _unknown(everything: Pictures, old: Prepared) -> tuple[Pictures, tuple[str, ...]]:
    """Pictures whose pixels neither `old` nor an earlier one of them has, and the names of the others."""
    seen = {digest for pictures in old.splits.values() for digest in pictures.digests}
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


def _check_trained(train: Pictures, old: Sequence[str], labels: Sequence[str], where: str) -> None:
    present = set(train.labels.tolist())
    for number in range(len(old), len(labels)):
        if number not in present:
            raise DataError(
                f"no training picture of the new class {labels[number]!r}: its pictures are all of one group",
                where=where,
                fix="Add pictures of it from another device or day.",
            )


def _together(old: Prepared, splits: dict[SplitName, Pictures], labels: tuple[str, ...], added: Added) -> Prepared:
    joined = {name: join(old.splits[name], splits[name]) for name in SPLITS}
    shown: dict[str, Split] = {name: split_record(pictures, labels) for name, pictures in joined.items()}
    record = changed(
        old.record,
        labels=labels,
        splits=shown,
        digest=_digest(shown),
        added=(*old.record.added, added),
    )
    return Prepared(record, joined)


def join(first: Pictures, second: Pictures) -> Pictures:
    """One after the other; what is known of some pictures alone is left away."""
    parts: dict[str, Any] = {}
    for field in fields(Pictures):
        a, b = getattr(first, field.name), getattr(second, field.name)
        both = np.concatenate([a, b]) if isinstance(a, np.ndarray) else (*a, *b)
        parts[field.name] = both if len(both) == len(first) + len(second) else ()
    return Pictures(**parts)


def _digest(splits: Mapping[str, Split]) -> str:
    return digest_of_chunks(f"{name} {split.digest}\n".encode() for name, split in splits.items())
