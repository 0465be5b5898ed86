"""What the store says about devices: the overview, one device, its readings over time, and the totals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from contract.messages import Birth
from contract.moments import rfc3339
from fleet import tables
from fleet.answers import Device, DeviceDetail, Gap, Reading, Stats, Stored, Telemetry, Update
from fleet.keeping.lists import Sort, matching, ordered
from fleet.refusals import NotFoundError
from fleet.targets import newest_target

_BIRTHS = msgspec.json.Decoder(Birth)
HISTORY = 50
POINTS = 1500
"""More readings than a chart has pixels are thinned evenly."""


def overview(
    connection: Connection, *, offset: int = 0, limit: int | None = None, search: str = "", sort: Sort = "id"
) -> tuple[Device, ...]:
    """Every device by name, or a page of those that match, sorted otherwise."""
    query = sa.select(tables.DEVICES).where(matching(search)).order_by(*ordered(sort)).offset(offset)
    rows = connection.execute(query if limit is None else query.limit(limit))
    return tuple(Device(**_facts(row)) for row in rows)


def device_detail(connection: Connection, device: str) -> DeviceDetail:
    """One device with its history; NotFoundError for an unknown one."""
    row = connection.execute(sa.select(tables.DEVICES).where(tables.DEVICES.c.device == device)).first()
    if row is None:
        raise NotFoundError(f"no device {device!r}", where="devices", fix="List them: edgeferry fleet devices")
    return DeviceDetail(
        **_facts(row),
        desired=newest_target(connection, device),
        history=_history(connection, device),
        gaps=_gaps(connection, device),
    )


def telemetry(connection: Connection, device: str, *, minutes: float, now_s: float) -> Telemetry:
    """Readings whose window ended in the last `minutes` before `now_s`, oldest first, at most about `POINTS`."""
    table = tables.TELEMETRY
    since_s = now_s - 60 * minutes
    # Arrival decides nothing here, and lets PostgreSQL leave out partitions that a clock a day ahead cannot reach.
    within = (table.c.device == device) & (table.c.at_s >= since_s) & (table.c.received_s >= since_s - 86400)
    bodies = connection.scalars(sa.select(table.c.body).where(within).order_by(table.c.at_s, table.c.sequence)).all()
    every = -(-len(bodies) // POINTS) or 1
    kept = bodies[::-1][::every][::-1]
    return Telemetry(
        device=device, minutes=minutes, thinned=every, readings=tuple(map(Reading.model_validate_json, kept))
    )


def statistics(connection: Connection) -> Stats:
    """The totals."""
    devices = tables.DEVICES.c
    sums = [
        sa.func.coalesce(sa.func.sum(devices[name]), 0) for name in ("telemetry", "events", "messages", "gaps", "lost")
    ]
    query = sa.select(sa.func.count(), sa.func.count().filter(devices.online), *sums).select_from(tables.DEVICES)
    known, up, telemetry_rows, events, messages, holes, numbers = map(int, connection.execute(query).one())
    refused = connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(tables.QUARANTINE.c.messages), 0)))
    return Stats(
        devices=known,
        online=up,
        messages=Stored(telemetry=telemetry_rows, events=events, reported=messages - telemetry_rows - events),
        stored=messages,
        gaps=holes,
        lost=numbers,
        quarantined=int(refused or 0),
    )


def facts(row: Row[Any], reading: Callable[[str], Any], update: Callable[[str], Any]) -> dict[str, Any]:
    """The fields of a Device; `reading` and `update` make what they make of the JSON they are given."""
    birth = _BIRTHS.decode(row.birth) if row.birth else None
    said: dict[str, Any] = {}
    if birth is not None:
        said = {name: getattr(birth, name) for name in ("site", "tags", "profile", "backend", "edgeferry")}
    return said | {
        "id": row.device,
        "online": row.online,
        "last_seen": None if row.last_seen_s is None else rfc3339(row.last_seen_s),
        "model": row.model,
        "digest": row.digest,
        "boot": row.boot,
        "telemetry": reading(row.latest) if row.latest else None,
        "update": update(row.reported) if row.reported else None,
        "stored": {
            "telemetry": row.telemetry,
            "events": row.events,
            "reported": row.messages - row.telemetry - row.events,
        },
        "lost": row.lost,
    }


def _facts(row: Row[Any]) -> dict[str, Any]:
    return facts(row, Reading.model_validate_json, Update.model_validate_json)


def _history(connection: Connection, device: str) -> tuple[Update, ...]:
    table = tables.REPORTED
    newest = table.c.received_s.desc(), table.c.sequence.desc()
    query = sa.select(table.c.body).where(table.c.device == device).order_by(*newest).limit(HISTORY)
    return tuple(map(Update.model_validate_json, connection.scalars(query)))


def _gaps(connection: Connection, device: str) -> tuple[Gap, ...]:
    table = tables.GAPS
    query = sa.select(table).where(table.c.device == device).order_by(table.c.noticed_s.desc()).limit(HISTORY)
    return tuple(
        Gap(boot=row.boot, first=row.first_sequence, last=row.last_sequence, noticed_at=rfc3339(row.noticed_s))
        for row in connection.execute(query)
    )
