"""Pictures that are there more than once: equal pixel by pixel, or the same picture saved, scaled or lit anew.

Each group is reported once, under the worst thing about it. Near copies are pairs, joined to groups where they share a
picture: a burst of ten is one group, not 45 pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from trainer.checks.examined import Examined, Seen
from trainer.checks.finding import Finding, Kind, Named, Severity, of_pictures
from trainer.data.fingerprint import near_copies

Group = Sequence[Seen]
Place = Literal["labels", "splits", "within"]


@dataclass(frozen=True, slots=True)
class Copies:
    """What was found."""

    equal: tuple[Group, ...]
    """Groups of pictures with the same pixels."""
    near: tuple[tuple[Seen, Seen], ...]
    """Near copies of each other, one picture for each set of equal pixels."""

    def near_groups(self) -> list[Group]:
        """What hangs together by `near`, in the order of the set."""
        leader: dict[str, str] = {}

        def lead(name: str) -> str:
            while leader.setdefault(name, name) != name:
                leader[name] = leader[leader[name]]
                name = leader[name]
            return name

        for one, other in self.near:
            leader[lead(other.listed.name)] = lead(one.listed.name)
        groups: dict[str, dict[str, Seen]] = defaultdict(dict)
        for read in (read for pair in self.near for read in pair):
            groups[lead(read.listed.name)][read.listed.name] = read
        return [list(group.values()) for group in groups.values()]


def find_copies(seen: Examined) -> Copies:
    """Compare every picture with every other."""
    same: dict[str, list[Seen]] = defaultdict(list)
    for read in seen.good:
        same[read.digest].append(read)
    once = [group[0] for group in same.values()]
    pairs = near_copies([read.made.near for read in once]).tolist()
    return Copies(
        equal=tuple(group for group in same.values() if len(group) > 1),
        near=tuple((once[i], once[j]) for i, j in pairs),
    )


def of_copies(seen: Examined, copies: Copies) -> Iterator[Finding]:
    """Equal pictures, then nearly equal ones."""
    equals = _sorted_out(copies.equal, "labels", seen)
    nears = _sorted_out(copies.near_groups(), "splits", seen)
    yield from _reported("duplicates-across-labels", "error", equals["labels"], " = ",
                         "equal pictures under different labels",
                         "Decide which label is right and remove the others.")  # fmt: skip
    yield from _reported("duplicates-across-splits", "error", equals["splits"], " = ",
                         "equal pictures in different splits",
                         "Remove them from the training split; training leaves them out by itself.")  # fmt: skip
    yield from _reported("duplicates", "warning", equals["within"], " = ",
                         "equal pictures in one split and class", "Keep one of each; they count twice.")  # fmt: skip
    yield from _reported("near-duplicates-across-splits", "error", nears["splits"], " ~ ",
                         "nearly equal pictures in different splits: what is measured was learnt from",
                         "Remove them from the training split.")  # fmt: skip
    yield from _reported("near-duplicates-across-labels", "warning", nears["labels"], " ~ ",
                         "nearly equal pictures under different labels",
                         "Look whether the difference is what the labels are about.")  # fmt: skip
    yield from _reported("near-duplicates", "warning", nears["within"], " ~ ",
                         "nearly equal pictures in one split and class",
                         "Keep one of each, or give them one group, so that no split tears them apart.")  # fmt: skip


def _sorted_out(groups: Sequence[Group], worst: Place, seen: Examined) -> dict[Place, list[Group]]:
    """By where their pictures differ, `worst` first; pictures with boxes have no label to differ in."""
    sorted_out: dict[Place, list[Group]] = {"labels": [], "splits": [], "within": []}
    for group in groups:
        labels = not seen.detect and len({read.listed.label for read in group}) > 1
        splits = len({read.listed.split for read in group}) > 1
        if labels and splits:
            sorted_out[worst].append(group)
        else:
            sorted_out["labels" if labels else "splits" if splits else "within"].append(group)
    return sorted_out


def _reported(
    kind: Kind, severity: Severity, groups: Sequence[Group], joined: str, what: str, fix: str
) -> Iterator[Finding]:
    found: list[tuple[Named, str]] = [(tuple(read.listed.name for read in group), "") for group in groups]
    yield from of_pictures(kind, severity, found, what, fix, joined=joined)
