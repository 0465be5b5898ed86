"""What the store and the server know at one moment, as far as rules look at it: three queries, whatever the size.

Readings come as text and are decoded only where they are new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fleet import tables


class DeviceFact(NamedTuple):
    """One row of `devices`, in this order."""

    device: str
    online: bool
    last_seen_s: float | None
    boot: str | None
    sequence: int | None
    latest: str | None
    """None where it is not new."""


class Halted(NamedTuple):
    """A rollout that stopped by itself, and that no newer one of its model has replaced."""

    rollout: int
    release: str
    words: str
    since_s: float


@dataclass(frozen=True, slots=True)
class Facts:
    """One moment."""

    devices: Sequence[DeviceFact]
    halted: Sequence[Halted]
    quarantined: int
    """Messages so far."""
    connected: bool
    """Whether this server has its broker."""
    expiries_s: Mapping[str, float]
    """Of the metadata, by role."""


def read(connection: Connection, *, connected: bool, expiries_s: Mapping[str, float], since_s: float = 0.0) -> Facts:
    """Everything at this moment; of readings only the text of those that came after `since_s`."""
    table = tables.DEVICES.c
    recent = sa.case((table.last_seen_s >= since_s, table.latest))
    query = sa.select(table.device, table.online, table.last_seen_s, table.latest_boot, table.latest_sequence, recent)
    total = sa.select(sa.func.coalesce(sa.func.sum(tables.QUARANTINE.c.messages), 0))
    return Facts(
        devices=connection.execute(query).all(),  # type: ignore[arg-type]
        halted=_halted(connection),
        quarantined=int(connection.scalar(total) or 0),
        connected=connected,
        expiries_s=expiries_s,
    )


def _halted(connection: Connection) -> list[Halted]:
    table = tables.ROLLOUTS
    newest = sa.select(sa.func.max(table.c.id)).group_by(table.c.name)
    found = connection.execute(sa.select(table).where((table.c.state == "halted") & table.c.id.in_(newest)))
    return [
        Halted(
            row.id,
            f"{row.name}@{row.version}",
            f"halted ({row.cause}): {row.detail}",
            row.created_s if row.ended_s is None else row.ended_s,
        )
        for row in found
    ]
