"""What happened to one device, from all that the store keeps of it, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.messages import Birth, Reported
from contract.moments import unix_s
from fleet import tables
from fleet.alerts import open_alerts
from fleet.alerts.listing import list_alerts
from fleet.page.words import Tone

MOST = 100
_BOOTS = 20


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the log."""

    at_s: float
    kind: str
    words: str
    tone: Tone = "dim"


def timeline(connection: Connection, device: str) -> tuple[Happening, ...]:
    """At most `MOST`, newest first: starts, outages, losses, updates, unreadable messages, alerts."""
    found = [
        *_seen(connection, device),
        *_boots(connection, device),
        *_told(connection, device),
        *_updates(connection, device),
        *_gaps(connection, device),
        *_quarantine(connection, device),
        *_alerts(connection, device),
    ]
    return tuple(sorted(found, key=lambda happening: -happening.at_s)[:MOST])


def _seen(connection: Connection, device: str) -> Iterator[Happening]:
    table = tables.DEVICES.c
    row = connection.execute(sa.select(table.first_seen_s, table.birth).where(table.device == device)).first()
    if row is None:
        return
    yield Happening(row.first_seen_s, "first heard", "this fleet heard of it for the first time")
    if row.birth:
        birth = msgspec.json.decode(row.birth, type=Birth)
        yield Happening(
            unix_s(birth.at), "birth", f"edgeferry {birth.edgeferry}, {birth.backend}, serving {birth.model}"
        )


def _boots(connection: Connection, device: str) -> Iterator[Happening]:
    """When each boot's first reading was, and how long nothing had been measured before it."""
    table, known = tables.TELEMETRY.c, tables.PROGRESS.c
    boots = connection.scalars(sa.select(known.boot).where(known.device == device)).all()
    spans: list[tuple[float, float, str]] = []
    for boot in boots[-_BOOTS:]:
        here = (table.device == device) & (table.boot == boot)
        first = connection.scalar(sa.select(table.at_s).where(here).order_by(table.sequence).limit(1))
        last = connection.scalar(sa.select(table.at_s).where(here).order_by(table.sequence.desc()).limit(1))
        if first is not None and last is not None:
            spans.append((first, last, boot))
    before_s: float | None = None
    for first, last, boot in sorted(spans):
        away = "" if before_s is None or first <= before_s else f" after {_long(first - before_s)} without readings"
        yield Happening(
            first, "start" if before_s is None else "restart", f"boot {boot[:8]}{away}", "warn" if away else "dim"
        )
        before_s = last


def _told(connection: Connection, device: str) -> Iterator[Happening]:
    table, rollouts = tables.ASSIGNMENTS, tables.ROLLOUTS
    query = (
        sa.select(
            table.c.told_s, table.c.rollout, table.c.state, table.c.updated_s, rollouts.c.name, rollouts.c.version
        )
        .join(rollouts)
        .where((table.c.device == device) & table.c.told_s.is_not(None))
        .order_by(table.c.told_s.desc())
        .limit(MOST)
    )
    for row in connection.execute(query):
        yield Happening(row.told_s, "told", f"rollout {row.rollout} wants {row.name}@{row.version}", "busy")
        if row.state in ("silent", "withdrawn"):
            tone: Tone = "bad" if row.state == "silent" else "dim"
            yield Happening(row.updated_s, row.state, f"in rollout {row.rollout}", tone)


def _updates(connection: Connection, device: str) -> Iterator[Happening]:
    table = tables.REPORTED.c
    query = sa.select(table.body).where(table.device == device).order_by(table.received_s.desc()).limit(MOST)
    for body in connection.scalars(query):
        step = msgspec.json.decode(body, type=Reported)
        why = ": ".join(filter(None, (step.cause, step.detail)))
        tone: Tone = {"committed": "good", "refused": "bad", "rolled-back": "bad"}.get(step.state, "dim")  # type: ignore[assignment]
        yield Happening(unix_s(step.at), step.state, f"serving {step.running}{f'; {why}' if why else ''}", tone)


def _gaps(connection: Connection, device: str) -> Iterator[Happening]:
    table = tables.GAPS.c
    query = sa.select(tables.GAPS).where(table.device == device).order_by(table.noticed_s.desc()).limit(MOST)
    for row in connection.execute(query):
        lost = row.last_sequence - row.first_sequence + 1
        numbers = f"numbers {row.first_sequence} to {row.last_sequence} of boot {row.boot[:8]}"
        yield Happening(row.noticed_s, "gap", f"{lost:,} messages lost, {numbers}", "warn")


def _quarantine(connection: Connection, device: str) -> Iterator[Happening]:
    table = tables.QUARANTINE.c
    query = sa.select(table.last_s, table.cause, table.messages, table.detail)
    for row in connection.execute(query.where(table.topic.contains(f"/{device}/", autoescape=True))):
        yield Happening(row.last_s, "quarantine", f"{row.messages:,} unreadable ({row.cause}): {row.detail}", "bad")


def _alerts(connection: Connection, device: str) -> Iterator[Happening]:
    for alert in (*open_alerts(connection), *list_alerts(connection, is_open=False)):
        if alert.device == device:
            yield Happening(unix_s(alert.since), f"alert: {alert.kind}", alert.words, "bad")
            if alert.ended is not None:
                yield Happening(unix_s(alert.ended), f"alert: {alert.kind}", "has ended", "good")


def _long(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
