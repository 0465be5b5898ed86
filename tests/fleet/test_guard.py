"""Foreign pages stay outside."""

from __future__ import annotations

import asyncio
from typing import Any

from fleet.guard import Guard, is_loopback, names_for

HOSTS = names_for("127.0.0.1", "http://127.0.0.1:8080")


def passes(kind: str, method: str, headers: dict[str, str], hosts: frozenset[str] | None = HOSTS) -> bool:
    reached: list[bool] = []

    async def behind(*_: Any) -> None:
        reached.append(True)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(_message: Any) -> None:
        pass

    scope = {
        "type": kind,
        "method": method,
        "path": "/",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(Guard(behind, hosts)(scope, receive, send))
    return bool(reached)


def test_commands_and_our_own_page_may_change_things() -> None:
    assert passes("http", "POST", {"host": "127.0.0.1:8080"})
    assert passes("http", "POST", {"host": "127.0.0.1:8080", "origin": "http://127.0.0.1:8080"})
    assert passes("websocket", "", {"host": "localhost:8080", "origin": "http://localhost:8080"})


def test_a_foreign_page_may_neither_change_anything_nor_open_a_socket() -> None:
    foreign = {"host": "127.0.0.1:8080", "origin": "https://evil.example"}
    assert not passes("http", "POST", foreign)
    assert not passes("websocket", "", foreign)
    assert not passes("http", "POST", {"host": "127.0.0.1:8080", "origin": "null"})


def test_a_name_that_was_rebound_to_loopback_gets_nothing() -> None:
    assert not passes("http", "GET", {"host": "evil.example:8080"})
    assert not passes("http", "GET", {})


def test_beyond_loopback_any_name_serves() -> None:
    assert names_for("0.0.0.0", "http://fleet.example") is None
    assert passes("http", "GET", {"host": "fleet.example"}, None)


def test_loopback_is_told_from_the_world() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.5", "fleet.example")))
