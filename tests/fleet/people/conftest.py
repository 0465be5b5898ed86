"""The real application behind its real door, in this process, without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from fastapi import FastAPI

from contract.device import Broker as BrokerAddress
from devices.keys import development_signer
from fleet.api import build_api
from fleet.collector import Collector
from fleet.commanding import Commands
from fleet.conductor import Conductor
from fleet.link import Link
from fleet.parts import Parts
from fleet.people import tokens, users
from fleet.people.actor import Role
from fleet.people.entrance import Entrance
from fleet.people.knocks import Knocks
from fleet.people.passwords import Passwords
from fleet.people.setup import add_door
from fleet.people.tokens import Scope
from fleet.reference import add_reference
from fleet.repository import Repository
from fleet.store import Store
from tests.fleet.people.browser import TestClient
from tests.fleet.simulated import FLEET

URL = "http://127.0.0.1:8080"
PASSWORD = "correct horse battery"
_PASSWORDS = Passwords()
_HASH = _PASSWORDS.hash(PASSWORD, name="")


class SamePassword(Passwords):
    """Everybody in these tests has the same, hashed once."""

    def __init__(self) -> None:
        pass

    def hash(self, password: str, *, name: str) -> str:
        assert password == PASSWORD
        return _HASH


class House:
    """An application, its store, and people who may live there."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.app = self.build()

    def build(
        self,
        *,
        host: str = "127.0.0.1",
        public_url: str = URL,
        entrance: Entrance | None = None,
        knocks: Knocks | None = None,
    ) -> FastAPI:
        """The application as `serve` makes it, without the page."""
        link = Link(BrokerAddress(url="mqtt://127.0.0.1:1"), FLEET, lambda *_: None)
        conductor = Conductor(FLEET, self.store, development_signer(), link.publish, URL)
        repository = Repository(self.folder / "repository", self.store, None)
        collector = Collector(FLEET, self.store, link.publish)
        commands = Commands(FLEET, link.publish)
        parts = Parts(FLEET, self.store, repository, link, collector, conductor, commands, None, "")
        app = build_api(parts)
        add_reference(app)
        add_door(app, self.store, entrance or Entrance(), host=host, public_url=public_url, knocks=knocks)
        return app

    def browser(self, *, url: str = URL, app: FastAPI | None = None, address: str = "127.0.0.1") -> TestClient:
        """Somebody new with an empty jar, who sends an Origin as browsers do."""
        asked = TestClient(
            app or self.app, base_url=url, client=(address, 5000), follow_redirects=False, raise_server_exceptions=False
        )
        asked.headers["origin"] = url
        return asked

    def raw(self, method: str, target: str) -> tuple[int, bytes]:
        """Status and body for a request line as it is, which clients would tidy up; split as uvicorn does."""
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(b"host", b"127.0.0.1:8080"), (b"accept", b"application/json")],
            "client": ("127.0.0.1", 5000),
            "server": ("127.0.0.1", 8080),
        }
        said: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        asyncio.run(self.app(scope, receive, send))
        return said[0]["status"], b"".join(message.get("body", b"") for message in said[1:])

    def user(self, name: str, role: Role, *, must_change: bool = False) -> str:
        """Somebody whose password is `PASSWORD`."""
        with self.store.writing() as connection:
            users.add(connection, name, role, PASSWORD, passwords=SamePassword(), now_s=1.0)
            users.set_password(connection, name, PASSWORD, passwords=SamePassword(), must_change=must_change)
        return name

    def token(self, scope: Scope, *, owner: str | None = None, now_s: float | None = None) -> str:
        """A token that counts for an hour from `now_s`, or for ever."""
        lives_s = None if now_s is None else 3600.0
        with self.store.writing() as connection:
            return tokens.make(connection, "test", scope, owner=owner, lives_s=lives_s, now_s=now_s or 1.0)[1]

    def logged_in(self, name: str) -> TestClient:
        """The same with a session."""
        browser = self.browser()
        assert log_in(browser, name).status_code == 303
        return browser


def log_in(browser: TestClient, name: str, password: str = PASSWORD, wanted: str = "/") -> httpx.Response:
    """What the form sends."""
    answer: httpx.Response = browser.post("/login", data={"name": name, "password": password, "next": wanted})
    return answer


@pytest.fixture
def house(store: Store, tmp_path: Path) -> House:
    """Nobody lives there yet."""
    return House(store, tmp_path)


@pytest.fixture
def bearer() -> Callable[[str], dict[str, str]]:
    """The header a program sends."""
    return lambda token: {"authorization": f"Bearer {token}"}
