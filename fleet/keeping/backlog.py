"""Readings that were stored before there were roll-ups, rolled up afterwards, one boot at a time.

A boot of which nothing is rolled up has no `counters` in `progress`. It is done when it is next heard of, or by the
keeper in the background, whichever comes first; the lock on its rows sees to it that it is done once.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.codec import to_json
from contract.messages import Telemetry
from fleet import tables
from fleet.keeping.rollups import Boot, RollUps, place

_AT_ONCE = 2000
"""Readings in memory at a time."""


def roll_up_stored(connection: Connection, device: str, boot: str) -> Boot:
    """Sum up every stored reading of a boot of which none is; the caller holds the locks and writes `counters`."""
    table = tables.TELEMETRY.c
    here = (table.device == device) & (table.boot == boot)
    query = sa.select(table.sequence, table.at_s, table.received_s, table.body).where(here).order_by(table.sequence)
    decoder, done, last = msgspec.json.Decoder(Telemetry), Boot(device, boot, None), 0
    profile = connection.scalar(sa.select(tables.DEVICES.c.profile).where(tables.DEVICES.c.device == device)) or ""
    while rows := connection.execute(query.where(table.sequence > last).limit(_AT_ONCE)).all():
        done.fresh = [place(decoder.decode(row.body), row.at_s, row.received_s) for row in rows]
        sums = RollUps(connection)
        sums.take(done)
        sums.save({device: profile})
        last = rows[-1].sequence
    return done


def roll_up_next(connection: Connection) -> bool:
    """Do one boot that was left; False where there is none."""
    table = tables.PROGRESS
    left = table.c.counters.is_(None) & (table.c.telemetry > 0)
    boot = connection.execute(sa.select(table.c.device, table.c.boot).where(left).limit(1)).first()
    if boot is None:
        return False
    # In the order in which ingest takes them: first the device, then its boot.
    connection.execute(
        sa.select(tables.DEVICES.c.device).where(tables.DEVICES.c.device == boot.device).with_for_update()
    )
    here = (table.c.device == boot.device) & (table.c.boot == boot.boot)
    counters = connection.execute(sa.select(table.c.counters).where(here).with_for_update()).scalar_one()
    if counters is None:
        last = roll_up_stored(connection, boot.device, boot.boot).last
        connection.execute(table.update().where(here).values(counters=to_json(last).decode()))
    return True
