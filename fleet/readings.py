"""What the store says about devices: the overview, one device, its readings over time, and the totals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from contract.messages import Birth
from contract.moments import rfc3339
from fleet import tables
from fleet.answers import Device, DeviceDetail, Gap, Reading, Stats, Stored, Telemetry, Update
from fleet.refusals import NotFoundError
from fleet.targets import newest_target

HISTORY = 50
POINTS = 1500
"""More readings than a chart has pixels are thinned evenly."""


def overview(connection: Connection) -> tuple[Device, ...]:
    """Every device, by name."""
    stored, lost = _stored(connection), _lost(connection)
    rows = connection.execute(sa.select(tables.DEVICES).order_by(tables.DEVICES.c.device))
    return tuple(Device(**_facts(row, stored.get(row.device, Stored()), lost.get(row.device, 0))) for row in rows)


def device_detail(connection: Connection, device: str) -> DeviceDetail:
    """One device with its history; NotFoundError for an unknown one."""
    row = connection.execute(sa.select(tables.DEVICES).where(tables.DEVICES.c.device == device)).first()
    if row is None:
        raise NotFoundError(f"no device {device!r}", where="devices", fix="List them: edgeferry fleet devices")
    stored, lost = _stored(connection, device), _lost(connection, device)
    return DeviceDetail(
        **_facts(row, stored.get(device, Stored()), lost.get(device, 0)),
        desired=newest_target(connection, device),
        history=_history(connection, device),
        gaps=_gaps(connection, device),
    )


def telemetry(connection: Connection, device: str, *, minutes: float, now_s: float) -> Telemetry:
    """Readings whose window ended in the last `minutes` before `now_s`, oldest first, at most about `POINTS`."""
    table = tables.TELEMETRY
    within = (table.c.device == device) & (table.c.at_s >= now_s - 60 * minutes)
    bodies = connection.scalars(sa.select(table.c.body).where(within).order_by(table.c.at_s, table.c.sequence)).all()
    every = -(-len(bodies) // POINTS) or 1
    kept = bodies[::-1][::every][::-1]
    return Telemetry(
        device=device, minutes=minutes, thinned=every, readings=tuple(map(Reading.model_validate_json, kept))
    )


def statistics(connection: Connection) -> Stats:
    """The totals."""
    progress, gaps, devices = tables.PROGRESS.c, tables.GAPS.c, tables.DEVICES.c
    counted = [sa.func.coalesce(sa.func.sum(c), 0) for c in (progress.telemetry, progress.events, progress.reported)]
    telemetry_rows, events, reported = map(int, connection.execute(sa.select(*counted)).one())
    lost = sa.func.coalesce(sa.func.sum(gaps.last_sequence - gaps.first_sequence + 1), 0)
    holes, numbers = connection.execute(sa.select(sa.func.count(), lost).select_from(tables.GAPS)).one()
    online = sa.func.count().filter(devices.online)
    known, up = connection.execute(sa.select(sa.func.count(), online).select_from(tables.DEVICES)).one()
    refused = connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(tables.QUARANTINE.c.messages), 0)))
    return Stats(
        devices=known,
        online=up,
        messages=Stored(telemetry=telemetry_rows, events=events, reported=reported),
        stored=telemetry_rows + events + reported,
        gaps=holes,
        lost=int(numbers),
        quarantined=int(refused or 0),
    )


def _facts(row: Row[Any], stored: Stored, lost: int) -> Mapping[str, Any]:
    """The fields of a Device."""
    birth = msgspec.json.decode(row.birth, type=Birth) if row.birth else None
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
        "telemetry": Reading.model_validate_json(row.latest) if row.latest else None,
        "update": Update.model_validate_json(row.reported) if row.reported else None,
        "stored": stored,
        "lost": lost,
    }


def _stored(connection: Connection, device: str | None = None) -> dict[str, Stored]:
    """Messages by device."""
    table = tables.PROGRESS.c
    sums = [sa.func.sum(table.telemetry), sa.func.sum(table.events), sa.func.sum(table.reported)]
    query = sa.select(table.device, *sums).group_by(table.device)
    if device is not None:
        query = query.where(table.device == device)
    return {
        name: Stored(telemetry=int(readings), events=int(events), reported=int(reported))
        for name, readings, events, reported in connection.execute(query)
    }


def _lost(connection: Connection, device: str | None = None) -> dict[str, int]:
    """Lost messages by device."""
    table = tables.GAPS.c
    query = sa.select(table.device, sa.func.sum(table.last_sequence - table.first_sequence + 1)).group_by(table.device)
    if device is not None:
        query = query.where(table.device == device)
    return {name: int(lost) for name, lost in connection.execute(query)}


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
