"""A set of pictures after every one of them was looked at: what each check is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainer.checks.look import Look
from trainer.data.boxes import Box
from trainer.data.origin import Origin
from trainer.data.reading import Read, Unreadable

Seen = Read[Look]
Counts = Mapping[str, Mapping[str, int]]
"""By split (`all` where the data has none) and label."""


@dataclass(frozen=True, slots=True)
class Examined:
    """The pictures, in the order of the origin."""

    origin: Origin
    good: Sequence[Seen]
    bad: Sequence[Unreadable]

    @property
    def detect(self) -> bool:
        """Whether boxes are marked rather than whole pictures."""
        return self.origin.task == "detect"

    def pictures(self) -> dict[str, dict[str, int]]:
        """Readable pictures by split and label; of pictures with boxes, those that show at least one of the label."""
        return self._counted({read.listed.name: _shown(read) for read in self.good})

    def boxes(self) -> dict[str, dict[str, int]]:
        """Boxes by split and label; those nobody learns from are not counted."""
        return self._counted({read.listed.name: [box.label for box in _learnt(read)] for read in self.good})

    def learnt(self) -> Mapping[str, int]:
        """What there is to learn from, by label: pictures, or boxes where these are marked."""
        counts = self.boxes() if self.detect else self.pictures()
        return counts.get("all") or counts.get("train") or dict.fromkeys(self.origin.labels, 0)

    def _counted(self, shown: Mapping[str, Sequence[int]]) -> dict[str, dict[str, int]]:
        labels = self.origin.labels
        counted = Counter(
            (read.listed.split or "all", labels[label]) for read in self.good for label in shown[read.listed.name]
        )
        splits = sorted({picture.split or "all" for picture in self.origin.pictures})
        return {split: {label: counted[split, label] for label in labels} for split in splits}

    def label_of(self, read: Seen) -> str:
        """The name of its label."""
        return self.origin.labels[read.listed.label] if read.listed.label >= 0 else ""


def _shown(read: Seen) -> list[int]:
    if not read.listed.boxes:
        return [read.listed.label] if read.listed.label >= 0 else []
    return sorted({box.label for box in _learnt(read)})


def _learnt(read: Seen) -> list[Box]:
    return [box for box in read.listed.boxes if not box.crowd]
