"""Puts the door before an application: headers outermost, then the guard, then who may do what, then the forms."""

from __future__ import annotations

from fastapi import FastAPI

from fleet.guard import Guard, is_loopback, names_for
from fleet.people.access import Access
from fleet.people.door import Door
from fleet.people.entrance import Entrance
from fleet.people.headers import SecurityHeaders
from fleet.people.knocks import Knocks
from fleet.people.login import add_login
from fleet.people.passwords import Passwords
from fleet.store import Store


def add_door(
    app: FastAPI, store: Store, entrance: Entrance, *, host: str, public_url: str, knocks: Knocks | None = None
) -> None:
    """Nothing of `app` is reached but through it; the last middleware added is the first to see a request."""
    door = Door(
        store,
        loopback=is_loopback(host) and not entrance.proxies,
        insecure=entrance.insecure,
        secure=public_url.startswith("https://"),
    )
    knocks = knocks or Knocks()
    add_login(app, door, knocks, Passwords())
    app.add_middleware(Access, door=door, knocks=knocks)
    app.add_middleware(Guard, hosts=names_for(host, public_url), public_url=public_url)
    app.add_middleware(SecurityHeaders)
