"""The users in the store: who there is, with which role, and what changes it.

Each function works within the caller's transaction. Users are disabled and never deleted, so that a name in the
audit stays the same person. The last admin who can still log in cannot be taken away.
"""

from __future__ import annotations

import re
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from contract.errors import ConfigError
from fleet.people import sessions
from fleet.people.actor import Role
from fleet.people.passwords import Passwords
from fleet.refusals import ConflictError, NotFoundError
from fleet.tables import USERS

NAME = r"^[a-z0-9][a-z0-9._@-]{0,62}$"
RESERVED = frozenset({"local", "server", "shell", "anonymous", "me"})
"""What the audit calls those who are no user."""


def add(connection: Connection, name: str, role: Role, password: str, *, passwords: Passwords, now_s: float) -> None:
    """A new user, who must choose another password at the first login; ConflictError where there is one already."""
    checked_name(name)
    if find(connection, name) is not None:
        raise ConflictError(f"there is a user {name!r} already", where="users", fix="Choose another name.")
    kept = passwords.hash(password, name=name)
    row = {"name": name, "role": role, "password": kept, "disabled": False, "must_change": True, "created_s": now_s}
    connection.execute(USERS.insert().values(**row))


def everybody(connection: Connection) -> list[Row[Any]]:
    """All of them by name, without their passwords."""
    columns = [column for column in USERS.c if column.name != "password"]
    return list(connection.execute(sa.select(*columns).order_by(USERS.c.name)))


def find(connection: Connection, name: str) -> Row[Any] | None:
    """Everything about one."""
    return connection.execute(sa.select(USERS).where(USERS.c.name == name)).one_or_none()


def exist(connection: Connection) -> bool:
    """Whether there is any user, also a disabled one."""
    return connection.execute(sa.select(USERS.c.name).limit(1)).first() is not None


def set_role(connection: Connection, name: str, role: Role) -> None:
    """Another role, which counts at once: every session of theirs ends."""
    known(connection, name)
    if role != "admin":
        _keep_an_admin(connection, name)
    _change(connection, name, role=role)
    sessions.end_all(connection, name)


def set_disabled(connection: Connection, name: str, disabled: bool) -> None:
    """Keep somebody out, or let them in again; sessions end, and tokens of theirs are refused meanwhile."""
    known(connection, name)
    if disabled:
        _keep_an_admin(connection, name)
    _change(connection, name, disabled=disabled)
    sessions.end_all(connection, name)


def set_password(connection: Connection, name: str, password: str, *, passwords: Passwords, must_change: bool) -> None:
    """Another password; every session of theirs ends, the one it was changed in too."""
    known(connection, name)
    _change(connection, name, password=passwords.hash(password, name=name), must_change=must_change)
    sessions.end_all(connection, name)


def rehash(connection: Connection, name: str, password: str, *, passwords: Passwords) -> None:
    """Keep the password just given with today's parameters."""
    _change(connection, name, password=passwords.renewed(password))


def seen(connection: Connection, name: str, address: str, *, now_s: float) -> None:
    """They have logged in."""
    _change(connection, name, seen_s=now_s, seen_from=address)


def known(connection: Connection, name: str) -> Row[Any]:
    """The same as `find`, or NotFoundError."""
    user = find(connection, name)
    if user is None:
        raise NotFoundError(f"no user {name[:64]!r}", where="users", fix="See: edgeferry fleet user list")
    return user


def checked_name(name: str) -> str:
    """`name`, or ConfigError with what a name looks like."""
    if not re.fullmatch(NAME, name) or name in RESERVED:
        raise ConfigError(
            f"{name[:64]!r} cannot be a user's name",
            where="users",
            fix=f"Take 1 to 63 of a-z 0-9 . _ @ -, and none of {', '.join(sorted(RESERVED))}.",
        )
    return name


def checked_role(role: str) -> Role:
    """`role` as a Role, or ConfigError."""
    for known_role in get_args(Role):
        if role == known_role:
            return role  # type: ignore[return-value]  # narrowed by the comparison, which mypy does not follow
    raise ConfigError(f"no role {role[:64]!r}", where="users", fix=f"Choose one of {', '.join(get_args(Role))}.")


def _keep_an_admin(connection: Connection, name: str) -> None:
    able = sa.select(USERS.c.name).where(USERS.c.role == "admin", USERS.c.disabled.is_(False)).with_for_update()
    if set(connection.scalars(able)) == {name}:
        raise ConflictError(
            f"{name!r} is the only admin", where="users", fix="Make another admin first: edgeferry fleet user add"
        )


def _change(connection: Connection, name: str, **values: object) -> None:
    connection.execute(USERS.update().where(USERS.c.name == name).values(**values))
