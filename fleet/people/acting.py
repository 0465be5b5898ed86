"""Acts of the page, which come over its socket and so past the table of calls: judged and recorded here alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from starlette.requests import HTTPConnection

from contract.errors import ConfigError, FerryError
from fleet.people import audit
from fleet.people.access import RECHECK_KEY
from fleet.people.actor import Actor, Role, actor_of, may
from fleet.people.door import address_of
from fleet.store import Store

T = TypeVar("T")


class ForbiddenError(ConfigError):
    """Somebody who is known may not do that."""


def visitor(page: HTTPConnection, role: Role) -> Actor:
    """Who looks at the page that `page` asked for, if their session still counts and they are at least a `role`."""
    actor, still = actor_of(page), page.scope.get(RECHECK_KEY)
    if still is not None and not still():
        raise ForbiddenError("nobody is logged in here any more", where="page", fix="Log in again.")
    if not may(actor, role):
        raise ForbiddenError(f"{actor.name} is a {actor.role}", where="page", fix=f"That takes the role {role}.")
    return actor


def act(
    store: Store, page: HTTPConnection, what: str, about: str, do: Callable[[str], T], *, role: Role = "operator"
) -> T:
    """What `do` returns, called with the name of whoever looks at `page`; the audit gets one entry either way.

    `page` is the request of the page, `ui.context.client.request`. Blocks: the page calls it by `run.io_bound`.
    """
    entry: dict[str, Any] = {"by": actor_of(page).name, "act": what, "about": about, "address": address_of(page)}
    try:
        visitor(page, role)
        done = do(entry["by"])
    except FerryError as refusal:
        with store.writing() as connection:
            audit.note(connection, outcome="refused", detail=refusal.what, **entry)
        raise
    with store.writing() as connection:
        audit.note(connection, **entry)
    return done
