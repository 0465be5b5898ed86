"""The door for devices: how often, how large, and what it says."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from fleet.identity.knocking import Knocking
from tests.broker import Broker
from tests.fleet.server_process import ServerProcess


def test_whoever_is_refused_too_often_has_to_wait_and_others_do_not() -> None:
    door = Knocking(failures="3 per hour", requests="100 per hour")
    for _ in range(3):
        door.check("10.0.0.1")
        door.failed("10.0.0.1")
    with pytest.raises(HTTPException) as refusal:
        door.check("10.0.0.1")
    assert refusal.value.status_code == 429
    door.check("10.0.0.2")


def test_all_together_are_limited_too() -> None:
    door = Knocking(failures="3 per hour", requests="5 per hour")
    for number in range(5):
        door.check(f"10.0.0.{number}")
    with pytest.raises(HTTPException):
        door.check("10.0.0.9")


def refused(url: str, body: bytes) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=10)
    with refusal.value as answer:
        return answer.code, json.load(answer)


def test_a_server_without_an_authority_says_so(served: tuple[ServerProcess, Broker]) -> None:
    server, _ = served
    assert server.get("/api/identity")["enabled"] is False
    body = json.dumps({"claim": "0" * 16, "csr": "x", "proof": "0" * 64}).encode()
    code, problem = refused(f"{server.url}/enroll/claim", body)
    assert (code, problem["what"]) == (404, "this server has no certificate authority")
