"""Who stands behind a request: a name and a role, put there by the middleware that let the request in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from starlette.requests import HTTPConnection

Role = Literal["viewer", "operator", "admin"]
_RANK = {role: rank for rank, role in enumerate(get_args(Role))}
SCOPE_KEY = "edgeferry.actor"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or a program."""

    name: str
    role: Role


LOCAL = Actor("local", "admin")
"""Whoever reaches a server on loopback that has no users yet."""


def actor_of(connection: HTTPConnection) -> Actor:
    """Who asks."""
    found = connection.scope.get(SCOPE_KEY, LOCAL)
    assert isinstance(found, Actor)
    return found


def may(actor: Actor, role: Role) -> bool:
    """Whether `actor` is at least a `role`."""
    return _RANK[actor.role] >= _RANK[role]
