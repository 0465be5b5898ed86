"""How far one boot's numbering has been stored: what is new, what may be acknowledged, what is lost.

Pure arithmetic over sequence numbers; `fleet/ingest.py` keeps the result in the same transaction as the messages.
A device numbers from 1 in each boot and tells with every batch the `oldest` number it still holds, and which numbers
above it are `gone`. Holes there will never be filled (gaps); any other hole is only late, and nothing beyond it is
acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from contract.messages import Span


class Progress(Struct, frozen=True):
    """What is settled of one boot."""

    acknowledged: int = 0
    """Every number up to and including this one is stored or known to be lost."""
    above: tuple[Span, ...] = ()
    """Stored or known to be lost beyond the first hole, ascending, never touching each other."""


class Step(NamedTuple):
    """What one batch changed."""

    progress: Progress
    fresh: frozenset[int]
    """Numbers not stored before: the only ones to insert."""
    gaps: tuple[Span, ...]
    """Holes the device admits are lost."""


def take(progress: Progress, numbers: Iterable[int], oldest: int, gone: Iterable[Span] = ()) -> Step:
    """The step a batch with these `numbers` makes; the same batch again makes none."""
    fresh = frozenset(n for n in numbers if n > progress.acknowledged and not _within(n, progress.above))
    stored = _joined([*progress.above, *(Span(n, n) for n in fresh)])
    lost = _joined([Span(1, oldest - 1), *gone]) if oldest > 1 else _joined(list(gone))
    gaps = tuple(
        hole for span in lost for hole in _holes(max(span.first, progress.acknowledged + 1), span.last, stored)
    )
    acknowledged = progress.acknowledged
    above: list[Span] = []
    for span in _joined([*stored, *gaps]):
        if span.first <= acknowledged + 1:
            acknowledged = max(acknowledged, span.last)
        else:
            above.append(span)
    return Step(Progress(acknowledged, tuple(above)), fresh, gaps)


def _within(number: int, spans: Iterable[Span]) -> bool:
    return any(span.first <= number <= span.last for span in spans)


def _joined(spans: list[Span]) -> list[Span]:
    """Ascending, with neighbours made one."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.first <= joined[-1].last + 1:
            joined[-1] = Span(joined[-1].first, max(joined[-1].last, span.last))
        else:
            joined.append(span)
    return joined


def _holes(first: int, last: int, stored: list[Span]) -> tuple[Span, ...]:
    """The parts of `first`..`last` that no span covers."""
    holes: list[Span] = []
    for span in stored:
        if first > last:
            break
        if span.first > first:
            holes.append(Span(first, min(span.first - 1, last)))
        first = max(first, span.last + 1)
    if first <= last:
        holes.append(Span(first, last))
    return tuple(holes)
