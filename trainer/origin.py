"""Where labelled pictures come from, before any of them is read: names, labels, splits and a way to the pixels.

Two kinds: class folders on disk (`trainer/folders.py`) and the scikit-learn digits by the name `digits`
(`trainer/digits.py`). Which pictures can be read, and which split each goes to, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge.frames import Pixels
from trainer.settings import Suggestion

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
DIGITS = "digits"


@dataclass(frozen=True, slots=True)
class Listed:
    """One labelled picture nobody has looked at yet."""

    name: str
    """Path below the folder that was named, or `scan N` of the digits."""
    label: int
    split: SplitName | None
    """The split its folder says; None where the data has none."""
    read: Callable[[], Pixels]
    """Gives (height, width, 3) uint8 BGR, or raises SourceError."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A set of labelled pictures."""

    text: str
    """As the person named it."""
    labels: tuple[str, ...]
    """Index is the class number."""
    pictures: tuple[Listed, ...]
    suggestion: Suggestion
    empty: tuple[str, ...] = ()
    """Class folders without a single picture."""

    @property
    def has_splits(self) -> bool:
        """Whether the data says which pictures are for what."""
        return any(picture.split for picture in self.pictures)


def open_origin(text: str) -> Origin:
    """List the pictures that `text` names: a folder, or `digits`. DataError where there are none to list."""
    if text == DIGITS:
        from trainer.digits import digits_origin

        return digits_origin()
    from trainer.folders import folder_origin

    return folder_origin(text)
