"""Tokens of programs: shown once, kept as a digest, and never more than their owner may do.

A token whose owner is disabled opens nothing, and one whose owner has lost a role has lost it too.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from contract.errors import ConfigError
from fleet.people.actor import Actor, Role, may
from fleet.people.secret import TOKEN_PREFIX, digest_of_secret, new_secret
from fleet.refusals import NotFoundError
from fleet.tables import TOKENS, USERS

Scope = Literal["read", "rollout", "admin"]
ROLE_OF: dict[Scope, Role] = {"read": "viewer", "rollout": "operator", "admin": "admin"}
SCOPE_OF: dict[str, Scope] = {role: scope for scope, role in ROLE_OF.items()}
LONGEST_DAYS = 3650
_DAY_S = 24 * 60 * 60
_UNITS = {"h": 60 * 60, "d": _DAY_S, "w": 7 * _DAY_S}
_USE_S = 60
"""The last use is written at most this often."""


def make(
    connection: Connection, name: str, scope: Scope, *, owner: str | None, lives_s: float | None, now_s: float
) -> tuple[int, str]:
    """A new token's id and the word that is shown once; `owner` is None where no user stands behind it."""
    if not re.fullmatch(r"[A-Za-z0-9_ .@:/-]{1,64}", name):
        raise ConfigError(
            "a token needs a name of 1 to 64 plain characters", where="tokens", fix="Say what it is for, like ci."
        )
    secret = TOKEN_PREFIX + new_secret()
    row = {
        "name": name,
        "digest": digest_of_secret(secret),
        "role": ROLE_OF[scope],
        "owner": owner,
        "created_s": now_s,
        "expires_s": None if lives_s is None else now_s + lives_s,
    }
    return int(connection.execute(TOKENS.insert().values(**row).returning(TOKENS.c.id)).scalar_one()), secret


def everything(connection: Connection) -> list[Row[Any]]:
    """All tokens by id, without their digests; with those that count no more."""
    columns = [column for column in TOKENS.c if column.name != "digest"]
    return list(connection.execute(sa.select(*columns).order_by(TOKENS.c.id)))


def revoke(connection: Connection, token: int, *, now_s: float) -> None:
    """It opens nothing any more; NotFoundError where there is none that still did."""
    row = TOKENS.update().where(TOKENS.c.id == token, TOKENS.c.revoked_s.is_(None)).values(revoked_s=now_s)
    if connection.execute(row).rowcount == 0:
        raise NotFoundError(
            f"no token {token} that still counts", where="tokens", fix="See: edgeferry fleet token list"
        )


def find(connection: Connection, secret: str, *, now_s: float) -> Row[Any] | None:
    """The token's row with `owner_role`, if it opens anything now."""
    if not secret.startswith(TOKEN_PREFIX):
        return None
    columns: list[sa.ColumnElement[Any]] = [TOKENS.c.id, TOKENS.c.name, TOKENS.c.role, TOKENS.c.owner, TOKENS.c.used_s]
    columns.append(USERS.c.role.label("owner_role"))
    joined = TOKENS.outerjoin(USERS, USERS.c.name == TOKENS.c.owner)
    alive = (
        (TOKENS.c.digest == digest_of_secret(secret))
        & TOKENS.c.revoked_s.is_(None)
        & (TOKENS.c.expires_s.is_(None) | (TOKENS.c.expires_s > now_s))
        & (TOKENS.c.owner.is_(None) | USERS.c.disabled.is_(False))
    )
    query = sa.select(*columns).select_from(joined).where(alive)
    return connection.execute(query).one_or_none()


def actor_for(token: Row[Any]) -> Actor:
    """Who asks with it: named after owner and token, with the lesser role of both."""
    who = f"{token.owner or 'shell'}/{token.name}"[:80]
    if token.owner_role is not None and not may(Actor(who, token.owner_role), token.role):
        return Actor(who, token.owner_role)
    return Actor(who, token.role)


def touch(connection: Connection, token: Row[Any], *, now_s: float) -> None:
    """It has been used now."""
    connection.execute(TOKENS.update().where(TOKENS.c.id == token.id).values(used_s=now_s))


def is_stale(token: Row[Any], now_s: float) -> bool:
    """Whether the last use is so long ago that `touch` should write a new one."""
    return token.used_s is None or now_s - token.used_s > _USE_S


def seconds_of(words: str) -> float | None:
    """`90d`, `12h` or `4w` in seconds, None for `never`; ConfigError for anything else."""
    if words == "never":
        return None
    found = re.fullmatch(r"([0-9]{1,5})([hdw])", words)
    lives_s = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < lives_s <= LONGEST_DAYS * _DAY_S:
        raise ConfigError(
            f"{words[:32]!r} is not how long a token may count",
            where="--expires",
            fix="Write it like 90d, 12h or never.",
        )
    return lives_s
