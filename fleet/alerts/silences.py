"""What need not be told for a while: made by a person, with a reason, and ended by time or by a person."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.errors import ConfigError
from contract.moments import rfc3339
from fleet import tables
from fleet.alerts import answers
from fleet.alerts.settings import KINDS
from fleet.refusals import NotFoundError

_LONGEST_S = 366 * 86_400.0


@dataclass(frozen=True, slots=True)
class Silence:
    """One row; what is None fits everything."""

    id: int
    alert: int | None
    kind: str | None
    device: str | None
    site: str | None
    profile: str | None
    tag: str | None
    until_s: float

    def covers(
        self, *, alert: int | None, kind: str, device: str | None, site: str, profile: str, tags: Mapping[str, str]
    ) -> bool:
        """Whether it fits an alert."""
        key, _, value = (self.tag or "").partition("=")
        return (
            (self.alert is None or self.alert == alert)
            and (self.kind is None or self.kind == kind)
            and (self.device is None or (device is not None and fnmatchcase(device, self.device)))
            and (self.site is None or self.site == site)
            and (self.profile is None or self.profile == profile)
            and (self.tag is None or tags.get(key) == value)
        )


def in_force(connection: Connection, now_s: float) -> tuple[Silence, ...]:
    """Those that count at this moment, the longest first."""
    columns = [tables.SILENCES.c[name] for name in Silence.__slots__]
    query = sa.select(*columns).where(_counts(now_s)).order_by(tables.SILENCES.c.until_s.desc(), tables.SILENCES.c.id)
    return tuple(Silence(*row) for row in connection.execute(query))


def silenced_until_s(silences: Iterable[Silence], **alert: object) -> float | None:
    """The end of the longest that fits; None where none does."""
    return max((s.until_s for s in silences if s.covers(**alert)), default=None)  # type: ignore[arg-type]


def make(connection: Connection, order: answers.SilenceOrder, by: str, now_s: float) -> answers.Silence:
    """A new one; ConfigError where it fits everything, or its time makes no sense."""
    chosen = {name: getattr(order, name) for name in ("alert", "kind", "device", "site", "profile", "tag")}
    if not any(value is not None for value in chosen.values()):
        raise ConfigError(
            "it would silence everything", where="silence", fix="Name an alert, a kind, a device, a site or a tag."
        )
    if order.kind is not None and order.kind not in KINDS:
        raise ConfigError(f"no alerts of kind {order.kind!r}", where="kind", fix=f"Choose from {', '.join(KINDS)}.")
    until_s = _until_s(order, now_s)
    values = chosen | {"until_s": until_s, "made_by": by, "why": order.why, "made_s": now_s}
    made = connection.execute(tables.SILENCES.insert().values(values)).inserted_primary_key
    assert made is not None
    return next(s for s in listed(connection, now_s) if s.id == made[0])


def for_alert(
    connection: Connection, alert: int, order: answers.AlertSilence, by: str, now_s: float
) -> answers.Silence:
    """Silence one alert; NotFoundError where there is none of that number."""
    if connection.scalar(sa.select(tables.ALERTS.c.id).where(tables.ALERTS.c.id == alert)) is None:
        raise NotFoundError(f"no alert {alert}", where="alerts", fix="List them: edgeferry fleet alerts list")
    return make(connection, answers.SilenceOrder(alert=alert, **order.model_dump()), by, now_s)


def end(connection: Connection, silence: int, by: str, now_s: float) -> None:
    """End one before its time; who made it and why stays in the store."""
    here = (tables.SILENCES.c.id == silence) & _counts(now_s)
    ended = connection.execute(tables.SILENCES.update().where(here).values(ended_s=now_s, ended_by=by))
    if ended.rowcount == 0:
        raise NotFoundError(
            f"no silence {silence} in force", where="silences", fix="List them: edgeferry fleet alerts silences"
        )


def listed(connection: Connection, now_s: float | None = None) -> tuple[answers.Silence, ...]:
    """Those in force, for people."""
    query = sa.select(tables.SILENCES).where(_counts(time.time() if now_s is None else now_s))
    return tuple(
        answers.Silence(
            **{name: getattr(row, name) for name in ("id", "alert", "kind", "device", "site", "profile", "tag")},
            until=rfc3339(row.until_s),
            made_by=row.made_by,
            why=row.why,
            made_at=rfc3339(row.made_s),
        )
        for row in connection.execute(query.order_by(tables.SILENCES.c.until_s.desc(), tables.SILENCES.c.id))
    )


def _counts(now_s: float) -> sa.ColumnElement[bool]:
    return (tables.SILENCES.c.until_s > now_s) & tables.SILENCES.c.ended_s.is_(None)


def _until_s(order: answers.AlertSilence, now_s: float) -> float:
    if (order.minutes is None) == (order.until is None):
        raise ConfigError("it needs minutes or until", where="silence", fix="Give one of the two.")
    until_s = now_s + 60 * order.minutes if order.minutes is not None else order.until.timestamp()  # type: ignore[union-attr]
    if not now_s < until_s <= now_s + _LONGEST_S:
        raise ConfigError("it must end within the next year", where="until", fix="Give a moment to come.")
    return until_s
