"""Tries to get in, each from outside through the real application: what is refused, to whom, and what is written."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args

import httpx
import pytest
import sqlalchemy as sa
from starlette.websockets import WebSocket, WebSocketDisconnect

from fleet.people import audit, sessions, tokens, users
from fleet.people.actor import Actor, Role, may
from fleet.people.entrance import Entrance
from fleet.people.knocks import Knocks
from fleet.people.rules import is_device_path, rule_for
from fleet.people.secret import TOKEN_PREFIX, digest_of_secret, new_secret
from fleet.tables import AUDIT, SESSIONS, TOKENS, USERS
from tests.fleet.people.browser import TestClient
from tests.fleet.people.conftest import PASSWORD, House, SamePassword, log_in

Bearer = Callable[[str], dict[str, str]]
SCOPE_OF = tokens.SCOPE_OF
REFUSED = (401, 403)
SOCKET = "ws://127.0.0.1:8080/_nicegui_ws/echo"


def cause(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, (answer.status_code, answer.text)
    said: dict[str, str] = answer.json()
    assert set(said) == {"what", "where", "fix", "cause"}
    return said["cause"]


def calls(house: House) -> list[tuple[str, str]]:
    """Every method and path of the application's own description, with something in the holes."""
    described = house.app.openapi()["paths"]
    found = [
        (method.upper(), re.sub(r"\{\w+\}", "99", path)) for path, methods in described.items() for method in methods
    ]
    assert len(found) > 20
    return found


def test_every_route_of_the_application_has_a_line_in_the_table(house: House) -> None:
    routes = [(m, route.path) for route in every_route(house.app.routes) for m in (route.methods or {"GET"})]
    assert ("POST", "/api/rollouts") in routes
    assert ("PATCH", "/api/users/{name}") in routes
    for method, path in routes:
        # What ends in {rest:path} only says that there is no such call.
        assert path.endswith("{rest:path}") or rule_for(method, path) is not None, (method, path)


def every_route(routes: Iterable[Any]) -> Iterator[Any]:
    for route in routes:
        if hasattr(route, "methods"):
            yield route
        else:
            inner = getattr(route, "original_router", None) or getattr(route, "router", route)
            yield from every_route(inner.routes)


def test_no_role_reaches_a_call_above_it_and_nobody_reaches_any(house: House, bearer: Bearer) -> None:
    house.user("root", "admin")
    given = {role: house.token(SCOPE_OF[role]) for role in get_args(Role)}
    stranger = house.browser()
    for method, path in calls(house):
        rule = rule_for(method, path)
        assert rule is not None
        if is_device_path(path) or path.startswith("/enroll/"):
            continue  # devices show who they are in what they send
        assert cause(stranger.request(method, path), 401) == "login", path
        for role, token in given.items():
            answer = stranger.request(method, path, headers=bearer(token))
            needs = rule.needs
            assert needs != "nobody", path
            assert needs != "metrics", path
            if may(Actor("", role), needs):
                assert answer.status_code not in REFUSED, (method, path, role, answer.text)
            else:
                assert cause(answer, 403) == "role", (method, path, role)


def test_without_users_loopback_is_local_as_before(house: House) -> None:
    browser = house.browser()
    assert browser.get("/api/me").json() == {"name": "local", "role": "admin", "kind": "local", "must_change": False}
    assert browser.get("/api/users").json() == {"users": []}


def test_without_users_what_a_proxy_hands_on_is_not_local(house: House) -> None:
    for header in ("x-forwarded-for", "forwarded", "x-real-ip"):
        answer = house.browser().get("/api/devices", headers={header: "127.0.0.1"})
        assert cause(answer, 401) == "login"


def test_without_users_a_server_on_a_network_lets_nobody_in_unless_told_to(house: House) -> None:
    closed = house.build(host="0.0.0.0")
    assert cause(house.browser(app=closed).get("/api/devices"), 401) == "login"
    insisted = house.build(host="0.0.0.0", entrance=Entrance(insecure=True))
    assert house.browser(app=insisted).get("/api/devices").status_code == 200


def test_the_first_user_closes_the_door_while_the_server_runs(house: House) -> None:
    browser = house.browser()
    assert browser.get("/api/devices").status_code == 200
    house.user("anna", "admin")
    time.sleep(1.1)
    assert cause(browser.get("/api/devices"), 401) == "login"


def test_disabling_everybody_does_not_open_the_door(house: House) -> None:
    house.user("anna", "viewer")
    with house.store.writing() as connection:
        users.set_disabled(connection, "anna", True)
    assert cause(house.browser().get("/api/devices"), 401) == "login"


def test_forged_expired_revoked_and_foreign_tokens_open_nothing(house: House, bearer: Bearer) -> None:
    house.user("root", "admin")
    good, expired = house.token("admin"), house.token("admin", now_s=time.time() - 3601)
    foreign = TOKEN_PREFIX + new_secret()
    with house.store.writing() as connection:
        number, revoked = tokens.make(connection, "x", "admin", owner=None, lives_s=None, now_s=1.0)
        tokens.revoke(connection, number, now_s=2.0)
        digest = str(connection.scalar(sa.select(TOKENS.c.digest).limit(1)))
    browser = house.browser()
    assert browser.get("/api/users", headers=bearer(good)).status_code == 200
    forged = (expired, revoked, foreign, good[:-1], good + "A", good.upper(), good.removeprefix(TOKEN_PREFIX), digest)
    for token in (*forged, "", "eft_", "eft_' OR 1=1 --", "null"):
        answer = browser.get("/api/users", headers=bearer(token))
        assert cause(answer, 401) == "login", token
        assert answer.headers["www-authenticate"] == "Bearer"
    for header in (good, f"Basic {good}", f"Token {good}", f"Bearer Bearer {good}"):
        assert cause(browser.get("/api/users", headers={"authorization": header}), 401) == "login"


def test_a_wrong_token_is_refused_though_the_cookie_were_good(house: House, bearer: Bearer) -> None:
    house.user("root", "admin")
    browser = house.logged_in("root")
    assert browser.get("/api/users").status_code == 200
    assert cause(browser.get("/api/users", headers=bearer("eft_nonsense")), 401) == "login"


def test_a_token_never_may_more_than_its_owner(house: House, bearer: Bearer) -> None:
    house.user("root", "admin")
    house.user("otto", "admin")
    token = house.token("admin", owner="otto")
    browser = house.browser()
    assert browser.get("/api/me", headers=bearer(token)).json()["role"] == "admin"
    with house.store.writing() as connection:
        users.set_role(connection, "otto", "viewer")
    assert browser.get("/api/me", headers=bearer(token)).json()["role"] == "viewer"
    assert cause(browser.get("/api/users", headers=bearer(token)), 403) == "role"
    with house.store.writing() as connection:
        users.set_disabled(connection, "otto", True)
    assert cause(browser.get("/api/me", headers=bearer(token)), 401) == "login"


def test_a_token_made_with_a_token_belongs_to_the_same_person(house: House, bearer: Bearer) -> None:
    house.user("root", "admin")
    house.user("otto", "admin")
    order = {"name": "second", "scope": "admin"}
    made = house.browser().post("/api/tokens", json=order, headers=bearer(house.token("admin", owner="otto"))).json()
    assert made["owner"] == "otto"
    with house.store.writing() as connection:
        users.set_disabled(connection, "otto", True)
    assert cause(house.browser().get("/api/me", headers=bearer(made["token"])), 401) == "login"


TRICKS = (
    "//api/users",
    "/api//users",
    "/bundles/../api/users",
    "/bundles/%2e%2e/api/users",
    "/bundles/..%2fapi%2fusers",
    "/bundles/%2e%2e%2fapi/users",
    "/login/../api/users",
    "/login/%2e%2e/api/users",
    "/bundles/%5c..%5capi/users",
    "/metadata/%252e%252e/api/users",
    "/API/users",
    "/Api/Users",
    "/api/users/",
    "/api/users/.",
    "/api%2fusers",
    "/api/users%00",
    "/api/users;x=/bundles/",
    "/api/users?/bundles/",
    "/api/users#/bundles/",
    "/enroll/../api/users",
)


def test_no_spelling_of_a_path_leads_around_the_table(house: House) -> None:
    house.user("anna", "viewer")
    for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE", "get"):
        for path in TRICKS:
            status, body = house.raw(method, path)
            assert status in (401, 403, 404, 405), (method, path, status, body)
            assert b"anna" not in body


def test_headers_that_name_another_method_path_or_person_change_nothing(house: House, bearer: Bearer) -> None:
    house.user("anna", "admin")
    token, browser = house.token("read"), house.browser()
    lies = {
        "x-http-method-override": "GET",
        "x-original-url": "/bundles/x",
        "x-rewrite-url": "/bundles/x",
        "x-forwarded-prefix": "/bundles",
        "x-forwarded-user": "anna",
        "x-remote-user": "anna",
        "x-forwarded-for": "127.0.0.1",
        "forwarded": "for=127.0.0.1",
    }
    for name, value in lies.items():
        answer = browser.post("/api/rollouts/1/abort", headers={name: value, **bearer(token)})
        assert cause(answer, 403) == "role", name
        assert cause(browser.get("/api/users", headers={name: value}), 401) == "login", name


def test_what_devices_fetch_needs_no_login_and_has_no_limit(house: House) -> None:
    house.user("anna", "admin")
    browser = house.browser(app=house.build(knocks=Knocks(strangers="2/minute")))
    for _ in range(5):
        assert browser.get(f"/bundles/{'0' * 64}.bundle").status_code == 404
    assert browser.get("/metadata/timestamp.json").status_code == 404
    assert cause(browser.get("/metadata/timestamp.json"), 404) == "not-found"


def test_the_metrics_are_open_on_loopback_alone(house: House, bearer: Bearer) -> None:
    house.user("anna", "admin")
    assert "edgeferry_" in house.browser().get("/metrics").text
    assert house.browser(address="10.0.0.7").get("/metrics").status_code == 401
    assert house.browser().get("/metrics", headers={"x-forwarded-for": "1.2.3.4"}).status_code == 401
    facing = house.build(host="0.0.0.0")
    assert house.browser(app=facing).get("/metrics").status_code == 401
    assert house.browser(app=facing).get("/metrics", headers=bearer(house.token("read"))).status_code == 200


def test_a_cookie_alone_changes_nothing_and_a_foreign_page_neither(house: House) -> None:
    house.user("root", "admin")
    browser = house.logged_in("root")
    order = {"name": "eve", "role": "admin", "password": "something long"}
    del browser.headers["origin"]
    assert cause(browser.post("/api/users", json=order), 403) == "guard"
    for origin in ("https://evil.example", "null", "http://127.0.0.1:8081", "http://127.0.0.1", "file://", "http://"):
        answer = browser.post("/api/users", json=order, headers={"origin": origin})
        assert cause(answer, 403) == "guard", origin
    for site in ("cross-site", "same-site", "none"):
        assert cause(browser.post("/api/users", json=order, headers={"sec-fetch-site": site}), 403) == "guard"
    assert [user["name"] for user in browser.get("/api/users").json()["users"]] == ["root"]


def test_a_page_by_http_may_not_act_where_the_server_is_reached_by_https(house: House) -> None:
    house.user("root", "admin")
    app = house.build(host="0.0.0.0", public_url="https://fleet.example")
    browser = house.browser(app=app, url="https://fleet.example")
    assert log_in(browser, "root").status_code == 303
    answer = browser.post("/api/tokens", json={}, headers={"origin": "http://fleet.example"})
    assert cause(answer, 403) == "guard"


def test_a_proxy_that_writes_another_host_needs_only_the_public_url(house: House) -> None:
    house.user("root", "admin")
    app = house.build(host="0.0.0.0", public_url="https://fleet.example")
    browser = house.browser(app=app, url="http://10.0.0.1:8080")
    browser.headers["origin"] = "https://fleet.example"
    assert log_in(browser, "root").status_code == 303


def test_whoever_must_change_their_password_can_do_nothing_else(house: House) -> None:
    house.user("root", "admin", must_change=True)
    browser = house.browser()
    assert log_in(browser, "root").headers["location"] == "/password"
    assert cause(browser.get("/api/users"), 403) == "password"
    assert browser.get("/", headers={"accept": "text/html"}).headers["location"] == "/password"
    assert browser.get("/api/me").json()["must_change"] is True
    change = {"old": PASSWORD, "new": "another long password", "again": "another long password"}
    assert browser.post("/password", data=change).headers["location"] == "/"
    assert browser.get("/api/users").status_code == 200


def test_a_socket_needs_a_login_and_is_open_only_where_the_page_has_one(house: House) -> None:
    house.user("anna", "viewer")
    talking(house)
    for path in (SOCKET, SOCKET + "/../echo", "ws://127.0.0.1:8080/api/devices", "ws://127.0.0.1:8080/"):
        with pytest.raises(WebSocketDisconnect):
            house.browser().websocket_connect(path).__enter__()
    browser = house.logged_in("anna")
    with browser.websocket_connect(SOCKET) as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
    with pytest.raises(WebSocketDisconnect):
        browser.websocket_connect(SOCKET, headers={"origin": "https://evil.example"}).__enter__()


def talking(house: House) -> None:
    @house.app.websocket("/_nicegui_ws/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        async for words in socket.iter_text():
            await socket.send_text(words)


def test_an_open_socket_ends_with_its_session(house: House) -> None:
    house.user("anna", "viewer")
    talking(house)
    browser = house.logged_in("anna")
    with browser.websocket_connect(SOCKET) as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"
        with house.store.writing() as connection:
            sessions.end_all(connection, "anna")
        time.sleep(2.1)
        socket.send_text("still here?")
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()


def test_calls_of_somebody_known_have_a_limit_with_a_time_to_wait(house: House, bearer: Bearer) -> None:
    house.user("anna", "admin")
    app = house.build(knocks=Knocks(strangers="3/minute", calls="5/minute"))
    browser, one, other = (
        house.browser(app=app, address="10.1.1.1"),
        house.token("read"),
        house.token("admin", owner="anna"),
    )
    assert [browser.get("/api/devices").status_code for _ in range(5)] == [401, 401, 401, 429, 429]
    assert [browser.get("/api/devices", headers=bearer(one)).status_code for _ in range(6)] == [200] * 5 + [429]
    refused = browser.get("/api/devices", headers=bearer(one))
    assert cause(refused, 429) == "limit"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert browser.get("/api/devices", headers=bearer(other)).status_code == 200
    assert cause(house.browser(app=app, address="10.1.1.2").get("/api/devices"), 401) == "login"


def test_each_change_is_written_with_who_where_what_and_how_it_ended(house: House, bearer: Bearer) -> None:
    house.user("root", "admin")
    house.user("vera", "viewer")
    admin, viewer = house.token("admin", owner="root"), house.token("read", owner="vera")
    browser = house.browser(address="10.2.2.2")
    secret = "a very secret password"
    order = {"name": "otto", "role": "operator", "password": secret}
    assert browser.post("/api/users", json=order, headers=bearer(admin)).status_code == 201
    assert browser.patch("/api/users/otto", json={"role": "admin"}, headers=bearer(admin)).status_code == 200
    assert browser.post("/api/rollouts?secret=1", json={}, headers=bearer(viewer)).status_code == 403
    assert browser.post("/api/rollouts/7/abort", headers=bearer(admin)).status_code == 404
    assert browser.post("/api/rollouts/7/abort").status_code == 401
    assert browser.get("/api/devices", headers=bearer(admin)).status_code == 200
    with house.store.reading() as connection:
        columns = (AUDIT.c.who, AUDIT.c.address, AUDIT.c.act, AUDIT.c.about, AUDIT.c.outcome, AUDIT.c.detail)
        written = [tuple(row) for row in connection.execute(sa.select(*columns).order_by(AUDIT.c.number))]
        assert audit.verify(connection) is None
    assert written == [
        ("root/test", "10.2.2.2", "POST", "/api/users", "201", "user otto as operator"),
        ("root/test", "10.2.2.2", "PATCH", "/api/users/otto", "200", "role operator -> admin"),
        ("vera/test", "10.2.2.2", "POST", "/api/rollouts", "403", ""),
        ("root/test", "10.2.2.2", "POST", "/api/rollouts/7/abort", "404", ""),
    ]
    assert secret not in str(written)
    assert admin not in str(written)


def test_the_audit_is_read_in_pages_by_admins(house: House, bearer: Bearer) -> None:
    house.user("root", "admin")
    with house.store.writing() as connection:
        for number in range(5):
            audit.note(connection, by="server", act="test", about=str(number))
    browser, admin = house.browser(), bearer(house.token("admin"))
    first = browser.get("/api/audit?limit=3", headers=admin).json()
    assert [entry["about"] for entry in first["entries"]] == ["4", "3", "2"]
    second = browser.get(f"/api/audit?limit=3&before={first['before']}", headers=admin).json()
    assert ([entry["about"] for entry in second["entries"]], second["before"]) == (["1", "0"], None)
    state = browser.get("/api/audit/verify", params={"head": first["head"]}, headers=admin).json()
    assert (state["holds"], state["head"]) == (True, first["head"])


def test_no_secret_lies_in_the_store(house: House) -> None:
    house.user("root", "admin")
    token, browser = house.token("admin"), house.logged_in("root")
    cookie = browser.cookies["edgeferry"]
    with house.store.reading() as connection:
        kept = str([list(connection.execute(sa.select(table))) for table in (TOKENS, SESSIONS, AUDIT, USERS)])
    assert digest_of_secret(cookie) in kept
    for secret in (token, token.removeprefix(TOKEN_PREFIX), cookie, PASSWORD):
        assert secret not in kept


def test_only_a_hash_of_the_same_kind_is_kept() -> None:
    assert SamePassword().hash(PASSWORD, name="x").startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_every_answer_carries_the_headers(house: House) -> None:
    house.user("anna", "admin")
    browser: TestClient = house.browser()
    for path in ("/api/devices", "/login", f"/bundles/{'0' * 64}.bundle", "/nowhere", "//"):
        headers = browser.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "same-origin"
    assert "script" not in browser.get("/login").headers["content-security-policy"]
    assert browser.get("/api/devices").headers["cache-control"] == "no-store"
