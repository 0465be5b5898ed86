"""Notifications on their way: written with the alerts they tell, and kept until the other side has taken them.

A notification is claimed before it is sent, by moving its next try into the future; so it is neither lost in a crash
nor sent by two at once. A crash between sending and writing that down sends it again after that pause, under the same
number, by which a receiver can tell.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection

from contract.codec import plain, to_json
from fleet import tables
from fleet.alerts.grouping import Notice
from fleet.alerts.settings import RANK, Email, Webhook

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 10.0, 900.0
IN_HAND_S = 120.0
"""How long a sender has; longer than any channel's timeout."""


class Letter(Struct, frozen=True):
    """One notification for one channel."""

    id: int
    channel: str
    body: str
    made_s: float
    attempts: int


def pause_s(attempts: int) -> float:
    """Before the next try, after so many failed: 10 s, 20 s, … 15 min."""
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(attempts - 1, 20))


def put(connection: Connection, notices: Iterable[Notice], channels: Iterable[Webhook | Email], now_s: float) -> None:
    """Write each notice down for every channel that wants it."""
    wanted = tuple(channels)
    rows = [
        {
            "channel": channel.name,
            "body": to_json(notice).decode(),
            "made_s": now_s,
            "attempts": 0,
            "next_s": now_s,
            "problem": "",
        }
        for notice in notices
        for channel in wanted
        if (not channel.kinds or notice.kind in channel.kinds) and RANK[notice.severity] >= RANK[channel.min_severity]
    ]
    if rows:
        connection.execute(tables.NOTIFICATIONS.insert(), rows)


def due(connection: Connection, now_s: float) -> list[Letter]:
    """The oldest of each channel whose time has come: a dead channel holds up no other."""
    table = tables.NOTIFICATIONS
    waits = table.c.next_s <= now_s
    oldest = sa.select(sa.func.min(table.c.id)).where(waits).group_by(table.c.channel)
    columns = [table.c[name] for name in Letter.__struct_fields__]
    return [Letter(*row) for row in connection.execute(sa.select(*columns).where(table.c.id.in_(oldest)))]


def claim(connection: Connection, letter: Letter, now_s: float) -> bool:
    """Take it in hand; False where somebody else has."""
    table = tables.NOTIFICATIONS
    here = (table.c.id == letter.id) & (table.c.attempts == letter.attempts) & (table.c.next_s <= now_s)
    values = {"attempts": letter.attempts + 1, "next_s": now_s + IN_HAND_S}
    return connection.execute(table.update().where(here).values(values)).rowcount == 1


def sent(connection: Connection, letter: Letter, now_s: float) -> None:
    """The other side has it."""
    _close(connection, letter, sent_s=now_s, next_s=None, problem="")


def failed(connection: Connection, letter: Letter, problem: str, now_s: float, give_up_s: float) -> bool:
    """It could not be sent; False where it will not be tried again."""
    attempts = letter.attempts + 1
    again = now_s - letter.made_s < give_up_s
    _close(connection, letter, next_s=now_s + pause_s(attempts) if again else None, problem=plain(problem))
    return again


def _close(connection: Connection, letter: Letter, **values: object) -> None:
    connection.execute(tables.NOTIFICATIONS.update().where(tables.NOTIFICATIONS.c.id == letter.id).values(**values))
