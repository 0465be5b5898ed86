"""What one check says: the kind of trouble, how bad it is, what to do, and every picture it is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

SHOWN = 10
"""Pictures named as examples of one finding."""

Severity = Literal["error", "warning"]
"""An error is something training would refuse or that makes its numbers false; a warning a person should know."""

Kind = Literal[
    "one-class",
    "empty-class",
    "unreadable",
    "duplicates",
    "duplicates-across-splits",
    "duplicates-across-labels",
    "near-duplicates",
    "near-duplicates-across-splits",
    "near-duplicates-across-labels",
    "few-pictures",
    "too-few-to-split",
    "imbalance",
    "label-spelling",
    "label-plurals",
    "label-errors",
    "single-colour",
    "dark",
    "bright",
    "low-contrast",
    "blurred",
    "odd-sizes",
    "odd-shapes",
    "grey-and-colour",
    "group-across-splits",
    "bursts-across-splits",
    "bursts",
    "label-from-metadata",
    "odd-boxes",
    "boxes-outside",
    "tiny-boxes",
    "huge-boxes",
    "duplicate-boxes",
    "boxes-of-two-labels",
    "few-boxes",
    "box-imbalance",
    "crowded",
    "no-boxes",
]

Named = str | tuple[str, ...]
"""A picture, or pictures that belong together."""


class MarkedBox(Struct, frozen=True, kw_only=True):
    """A box that stands out."""

    picture: str
    label: str
    xyxy_px: tuple[float, float, float, float]
    """Left, top, right, bottom."""


class Suspect(Struct, frozen=True, kw_only=True):
    """A label that is probably wrong."""

    picture: str
    given: str
    suggested: str
    probability: float
    """Of the suggested label, 0..1, by a classifier that did not learn from this picture."""
    box: tuple[float, float, float, float] | None = None
    """Which box of the picture, as left, top, right, bottom in pixels; None for the picture itself."""

    def as_marked(self) -> MarkedBox:
        """The box, for drawing; for the picture itself one of no size."""
        return MarkedBox(picture=self.picture, label=self.given, xyxy_px=self.box or (0.0, 0.0, 0.0, 0.0))


class Finding(Struct, frozen=True, kw_only=True):
    """One thing about the data."""

    kind: Kind
    severity: Severity
    what: str
    fix: str
    count: int
    """Pictures, groups of pictures, boxes, or classes."""
    examples: tuple[str, ...] = ()
    """The first few; pictures that belong together joined by ` = `, or ` ~ ` where they are only nearly equal."""
    pictures: tuple[Named, ...] = ()
    """All of them, the worst first where one is worse than another."""
    notes: tuple[str, ...] = ()
    """A remark on each of `pictures`, such as the brightness measured; none where there is nothing to add."""
    boxes: tuple[MarkedBox, ...] = ()
    """All boxes it is about."""
    suspects: tuple[Suspect, ...] = ()
    """All labels it is about."""


def of_pictures(
    kind: Kind, severity: Severity, found: Sequence[tuple[Named, str]], what: str, fix: str, *, joined: str = " = "
) -> Iterator[Finding]:
    """A finding about `found`, pictures with a remark on each; nothing where none was found."""
    if not found:
        return
    names = tuple(name for name, _ in found)
    notes = tuple(note for _, note in found)
    shown = [name if isinstance(name, str) else _in_short(name, joined) for name in names[:SHOWN]]
    examples = tuple(f"{name}: {note}" if note else name for name, note in zip(shown, notes, strict=False))
    yield Finding(
        kind=kind, severity=severity, count=len(found), what=what, fix=fix, examples=examples, pictures=names,
        notes=notes if any(notes) else (),
    )  # fmt: skip


def _in_short(names: Sequence[str], joined: str) -> str:
    more = len(names) - SHOWN
    return joined.join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def of_boxes(
    kind: Kind, severity: Severity, found: Sequence[tuple[MarkedBox, str]], what: str, fix: str
) -> Iterator[Finding]:
    """A finding about boxes with a remark on each; nothing where none was found."""
    if not found:
        return
    yield Finding(
        kind=kind, severity=severity, count=len(found), what=what, fix=fix,
        examples=tuple(f"{box.picture}: {box.label}, {note}" for box, note in found[:SHOWN]),
        pictures=tuple(dict.fromkeys(box.picture for box, _ in found)),
        boxes=tuple(box for box, _ in found),
    )  # fmt: skip
