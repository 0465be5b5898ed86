"""Frames of the whole fleet by what became of them, counted while watching, in totals that outlive every restart.

A device's ledger begins anew with its model and its agent. Here only what each reading adds is summed up, and saved
together with up to where each device was counted: after a crash the rest is counted again from there, none twice.
What a device counted between the last look and its own restart is not seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fleet import tables
from fleet.alerts.levels import Lamps, Ledger, Memory, Usual

_MOST_CAUSES = 20
_CAUSE_CHARACTERS = 32
Totals = Counter[tuple[str, str]]
"""Frames by outcome and cause; a cause only where the outcome is `dropped`."""


def count(totals: Totals, fresh: Ledger, causes: set[str]) -> None:
    """Add what a reading adds. Devices name causes, so only the first twenty have a number of their own."""
    for outcome in ("inferred", "gated", "damaged"):
        if frames := getattr(fresh, outcome):
            totals[outcome, ""] += frames
    for cause, frames in fresh.dropped.items():
        named = cause[:_CAUSE_CHARACTERS]
        if named not in causes and len(causes) >= _MOST_CAUSES:
            named = "other"
        causes.add(named)
        totals["dropped", named] += frames


def totals(connection: Connection) -> Totals:
    """All that was counted and saved."""
    table = tables.FRAME_TOTALS
    return Counter({(row.outcome, row.cause): row.frames for row in connection.execute(sa.select(table))})


def load(connection: Connection) -> dict[str, Memory]:
    """How far each device was counted."""
    return {
        row.device: Memory(
            boot=row.boot,
            sequence=row.sequence,
            digest=row.digest,
            ledger=(ledger := msgspec.json.decode(row.ledger, type=Ledger)),
            counted=ledger,
            dropped=sum(ledger.dropped.values()),
            usual=Usual(row.usual_p95_ms, row.learned_s),
            lamps=Lamps(row.input_changed, row.model_suffering),
        )
        for row in connection.execute(sa.select(tables.DEVICE_TALLIES))
    }


def save(connection: Connection, fresh: Totals, changed: Mapping[str, Memory], known: set[str]) -> None:
    """Add `fresh` to the totals and write how far the `changed` devices were counted; `known` have a row."""
    table = tables.FRAME_TOTALS
    for (outcome, cause), frames in fresh.items():
        here = (table.c.outcome == outcome) & (table.c.cause == cause)
        added = connection.execute(table.update().where(here).values(frames=table.c.frames + frames))
        if added.rowcount == 0:
            connection.execute(table.insert().values(outcome=outcome, cause=cause, frames=frames))
    _save_memories(connection, changed, known)


def _save_memories(connection: Connection, changed: Mapping[str, Memory], known: set[str]) -> None:
    table = tables.DEVICE_TALLIES
    old = [_row(memory) | {"row": device} for device, memory in changed.items() if device in known]
    new = [_row(memory) | {"device": device} for device, memory in changed.items() if device not in known]
    if old:
        names = [name for name in old[0] if name != "row"]
        here = table.update().where(table.c.device == sa.bindparam("row"))
        connection.execute(here.values({name: sa.bindparam(name) for name in names}), old)
    if new:
        connection.execute(table.insert(), new)


def _row(memory: Memory) -> dict[str, object]:
    return {
        "boot": memory.boot,
        "sequence": memory.sequence,
        "digest": memory.digest,
        "ledger": msgspec.json.encode(memory.ledger).decode(),
        "usual_p95_ms": memory.usual.p95_ms,
        "learned_s": memory.usual.learned_s,
        "input_changed": memory.lamps.input_changed,
        "model_suffering": memory.lamps.model_suffering,
    }
