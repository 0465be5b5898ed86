"""Sessions of browsers, on the server's side: a cookie holds a random word, the store its digest.

A session ends at logout, an hour and a half after its last use, twelve hours after its login, and when its user gets
another password or role or is disabled. A login always makes a new word, so one planted before opens nothing.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from fleet.people.secret import digest_of_secret, new_secret
from fleet.tables import SESSIONS, USERS

IDLE_S = 90 * 60
ABSOLUTE_S = 12 * 60 * 60
_TOUCH_S = 60
"""The last use is written at most this often."""


def begin(connection: Connection, name: str, *, now_s: float) -> str:
    """A new session of a user who has proved to be one; the word for the cookie. What has expired is swept away."""
    connection.execute(SESSIONS.delete().where(_expired(now_s)))
    secret = new_secret()
    row = {"digest": digest_of_secret(secret), "name": name, "created_s": now_s, "used_s": now_s}
    connection.execute(SESSIONS.insert().values(**row))
    return secret


def find(connection: Connection, digest: str, *, now_s: float) -> Row[Any] | None:
    """`name`, `role`, `must_change`, `used_s` of who is behind a session that is alive."""
    columns: list[sa.Column[Any]] = [USERS.c.name, USERS.c.role, USERS.c.must_change, SESSIONS.c.used_s]
    joined = SESSIONS.join(USERS, USERS.c.name == SESSIONS.c.name)
    alive = (SESSIONS.c.digest == digest) & USERS.c.disabled.is_(False) & ~_expired(now_s)
    return connection.execute(sa.select(*columns).select_from(joined).where(alive)).one_or_none()


def is_stale(used_s: float, now_s: float) -> bool:
    """Whether the last use is so long ago that `touch` should write a new one."""
    return now_s - used_s > _TOUCH_S


def touch(connection: Connection, digest: str, *, now_s: float) -> None:
    """It has been used now."""
    connection.execute(SESSIONS.update().where(SESSIONS.c.digest == digest).values(used_s=now_s))


def end(connection: Connection, digest: str) -> None:
    """Nobody comes in by it any more."""
    connection.execute(SESSIONS.delete().where(SESSIONS.c.digest == digest))


def end_all(connection: Connection, name: str) -> None:
    """The same for every session of one user."""
    connection.execute(SESSIONS.delete().where(SESSIONS.c.name == name))


def _expired(now_s: float) -> sa.ColumnElement[bool]:
    return (SESSIONS.c.used_s <= now_s - IDLE_S) | (SESSIONS.c.created_s <= now_s - ABSOLUTE_S)
