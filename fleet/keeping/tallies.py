"""What one reading adds to the counters of its boot: a device counts since its model was loaded, roll-ups by window.

A reading's share is the difference to the reading before it. One that comes late splits the share of its successor:
`shares` says what to add where, so that the order of arrival does not matter. Pure arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from contract.messages import Telemetry

MOST = 10**12
"""No device counts further; what does is a slip, and must not overflow a sum."""
Counts = dict[str, int]
_PLAIN = ("captured", "inferred", "gated", "damaged")


class Tally(Struct, frozen=True):
    """One reading as far as counters go."""

    sequence: int
    digest: str
    counts: Counts
    """`captured`, `inferred`, `gated`, `damaged`, `dropped.CAUSE`, `restarts.CAUSE`."""


def tally(reading: Telemetry) -> Tally:
    """The counters of `reading`."""
    ledger = reading.ledger
    counts = {name: min(getattr(ledger, name), MOST) for name in _PLAIN}
    counts |= {f"dropped.{cause}": min(count, MOST) for cause, count in ledger.dropped.items()}
    counts |= {f"restarts.{cause}": min(count, MOST) for cause, count in reading.restarts.items()}
    return Tally(reading.sequence, reading.digest, counts)


def since(before: Tally | None, now: Tally) -> Counts:
    """What was counted between two readings; a counter that fell, or another bundle, began anew."""
    if before is None or before.digest != now.digest:
        return now.counts
    counts = {name: count - before.counts.get(name, 0) for name, count in now.counts.items()}
    return now.counts if min(counts.values()) < 0 else counts


def shares(stored: Sequence[Tally], fresh: Sequence[Tally]) -> dict[int, Counts]:
    """What to add by sequence, given the `stored` ones from the nearest before the `fresh` to the nearest after.

    A stored reading appears only where its share changes, with what it loses as a negative number.
    """
    before = _chain(stored)
    after = _chain(sorted([*stored, *fresh], key=lambda one: one.sequence))
    new = {one.sequence for one in fresh}
    changes: dict[int, Counts] = {}
    for sequence, counts in after.items():
        change = counts if sequence in new else minus(counts, before[sequence])
        if sequence in new or any(change.values()):
            changes[sequence] = change
    return changes


def minus(counts: Mapping[str, int], other: Mapping[str, int]) -> Counts:
    """The difference, name by name."""
    return {name: counts.get(name, 0) - other.get(name, 0) for name in {*counts, *other}}


def _chain(tallies: Sequence[Tally]) -> dict[int, Counts]:
    found: dict[int, Counts] = {}
    last: Tally | None = None
    for one in tallies:
        found[one.sequence] = since(last, one)
        last = one
    return found
