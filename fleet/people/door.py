"""Recognises who knocks: by a token in the header, by a session in the cookie, or, where there are no users, by place.

A token that is given decides alone: a wrong one is refused though the cookie were good. What was recognised is never
kept over requests, so that a revoked token or an ended session opens nothing from that moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from starlette.requests import HTTPConnection

from fleet.people import sessions, tokens, users
from fleet.people.actor import LOCAL, Actor
from fleet.people.secret import digest_of_secret
from fleet.store import Store

_NO_USERS_S = 1.0
"""How long it is believed that there are no users yet; that there are is believed for good."""
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who was recognised."""

    actor: Actor
    kind: Literal["local", "token", "session"]
    owner: str | None = None
    """The user behind it; None where there is none."""
    session: str = ""
    """The digest of the session they came with."""
    must_change: bool = False
    """They may only choose another password."""


class Door:
    """Where people come in. Threads may share it."""

    def __init__(
        self,
        store: Store,
        *,
        loopback: bool,
        insecure: bool = False,
        secure: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`insecure` lets anybody in while there are no users; `secure` says that browsers come by https."""
        self.store, self.loopback, self.secure, self.now = store, loopback, secure, now
        self._insecure = insecure
        self._users, self._asked_s = False, float("-inf")

    def recognise(self, connection: HTTPConnection) -> Known | None:
        """Who asks, or None for somebody who must log in first. Reads the store."""
        given = connection.headers.get("authorization")
        if given is not None:
            return self._by_token(given)
        if self.has_users():
            return self._by_session(connection.cookies.get(self.cookie_name(connection)))
        direct = self.loopback and not any(name in connection.headers for name in _FORWARDED)
        return Known(LOCAL, "local") if direct or self._insecure else None

    def has_users(self) -> bool:
        """Whether anybody must log in."""
        if not self._users and time.monotonic() - self._asked_s > _NO_USERS_S:
            with self.store.reading() as connection:
                self._users = users.exist(connection)
            self._asked_s = time.monotonic()
        return self._users

    def cookie_name(self, connection: HTTPConnection) -> str:
        """`__Host-` keeps other hosts of the same domain from planting one; browsers take that by https only."""
        return "__Host-edgeferry" if self.by_https(connection) else "edgeferry"

    def by_https(self, connection: HTTPConnection) -> bool:
        """Whether the browser came by https."""
        return self.secure or connection.scope.get("scheme") in ("https", "wss")

    def _by_token(self, header: str) -> Known | None:
        kind, _, secret = header.partition(" ")
        if kind.lower() != "bearer":
            return None
        now_s = self.now()
        with self.store.reading() as connection:
            token = tokens.find(connection, secret.strip(), now_s=now_s)
        if token is None:
            return None
        if tokens.is_stale(token, now_s):
            with self.store.writing() as connection:
                tokens.touch(connection, token, now_s=now_s)
        return Known(tokens.actor_for(token), "token", token.owner)

    def _by_session(self, secret: str | None) -> Known | None:
        if not secret:
            return None
        digest, now_s = digest_of_secret(secret), self.now()
        with self.store.reading() as connection:
            found = sessions.find(connection, digest, now_s=now_s)
        if found is None:
            return None
        if sessions.is_stale(found.used_s, now_s):
            with self.store.writing() as connection:
                sessions.touch(connection, digest, now_s=now_s)
        return Known(Actor(found.name, found.role), "session", found.name, digest, found.must_change)

    def still(self, known: Known) -> bool:
        """Whether a session or a state without users, recognised a while ago, still counts. Not a use of it."""
        if known.kind == "local":
            return not self.has_users()
        if known.kind == "token":
            return True
        with self.store.reading() as connection:
            found = sessions.find(connection, known.session, now_s=self.now())
        return found is not None and Actor(found.name, found.role) == known.actor


def address_of(connection: HTTPConnection) -> str:
    """From where; behind a proxy that is trusted, uvicorn has put the client's address there."""
    client = connection.client
    return client.host[:64] if client else ""
