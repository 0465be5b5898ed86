"""What a simulation came to: counts of one process, added up over all of them, and how much each device has sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace


class Tally(Struct, kw_only=True):
    """Counts since the start; of one process while it runs, of all of them in the end."""

    devices: int = 0
    connected: int = 0
    """At this moment."""
    all_connected_s: float | None = None
    """From the start until every device was connected for the first time."""
    connections: int = 0
    refused_connections: int = 0
    put: int = 0
    """Messages numbered and kept: readings, events and steps of updates."""
    readings: int = 0
    batches: int = 0
    probes: int = 0
    """Times an oldest message was sent again because the collector was silent."""
    acknowledged: int = 0
    waiting: int = 0
    lost: int = 0
    """Given up, or refused by the collector."""
    births: int = 0
    crashes: int = 0
    assignments: int = 0
    """Accepted, by signature and counter."""
    turned_down: int = 0
    """Not believed, or not new."""
    fetched_bytes: int = 0
    fetched: int = 0
    """Files fetched whole."""
    sampled: int = 0
    """Files of which only the end was asked for."""
    states: Counter[str] = field(default_factory=Counter)
    """Steps of updates, by state."""
    causes: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    """What serves at the end, by release."""
    behaviours: Counter[str] = field(default_factory=Counter)


class Sent(Struct, frozen=True, kw_only=True):
    """How far one device numbered in one boot: with nothing lost, the store has as many."""

    device: str
    boot: str
    messages: int


class Outcome(Struct, frozen=True, kw_only=True):
    """What is printed at the end."""

    processes: int
    lasted_s: float
    acknowledged_per_s: float
    """From the first message to the last acknowledgement."""
    tally: Tally


def total(tallies: Iterable[Tally]) -> Tally:
    """Several processes' counts as one; all are connected when the last one's are."""
    found = list(tallies)
    summed = Tally()
    for name in Tally.__struct_fields__:
        values = [getattr(one, name) for one in found]
        if name == "all_connected_s":
            summed = replace(summed, all_connected_s=None if None in values else max(values, default=None))
        elif isinstance(getattr(summed, name), Counter):
            setattr(summed, name, sum(values, Counter()))
        else:
            setattr(summed, name, sum(values))
    return summed
