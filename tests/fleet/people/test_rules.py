"""The table of who may call what."""

from __future__ import annotations

import pytest

from fleet.people.rules import CHANGE, READ, RULES, rule_for


@pytest.mark.parametrize(
    ("method", "path", "needs"),
    [
        ("GET", "/", "viewer"),
        ("GET", "/devices/cam-1", "viewer"),
        ("GET", "/api/devices", "viewer"),
        ("HEAD", "/api/devices", "viewer"),
        ("OPTIONS", "/api/devices", "viewer"),
        ("POST", "/api/rollouts", "operator"),
        ("DELETE", "/api/groups/7", "operator"),
        ("POST", "/api/alerts/3/silence", "operator"),
        ("GET", "/api/trust", "viewer"),
        ("POST", "/api/trust/root", "admin"),
        ("POST", "/api/identity/revoke", "admin"),
        ("PUT", "/api/settings", "admin"),
        ("GET", "/api/pictures/cam-1", "operator"),
        ("GET", "/api/pictures/cam-1/a.jpg", "operator"),
        ("GET", "/api/audit", "admin"),
        ("GET", "/api/audit/verify", "admin"),
        ("GET", "/api/users", "admin"),
        ("PATCH", "/api/users/anna", "admin"),
        ("GET", "/api/tokens", "admin"),
        ("GET", "/bundles/x.bundle", "nobody"),
        ("GET", "/metadata/timestamp.json", "nobody"),
        ("POST", "/enroll/claim", "nobody"),
        ("POST", "/login", "nobody"),
        ("GET", "/metrics", "metrics"),
        ("WEBSOCKET", "/_nicegui_ws/socket.io/", "viewer"),
        ("POST", "/_nicegui/client/1/upload/2", "operator"),
        ("GET", "/openapi.json", "viewer"),
    ],
)
def test_each_path_needs_the_role_the_table_says(method: str, path: str, needs: str) -> None:
    rule = rule_for(method, path)
    assert rule is not None
    assert rule.needs == needs


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("POST", "/devices/cam-1"),
        ("DELETE", "/bundles/x.bundle"),
        ("PUT", "/metadata/root.json"),
        ("TRACE", "/api/devices"),
        ("CONNECT", "/"),
        ("get", "/api/devices"),
        ("WEBSOCKET", "/"),
        ("WEBSOCKET", "/api/devices"),
        ("GET", "//api/users"),
        ("GET", "/bundles/../api/users"),
        ("GET", "/bundles/./x"),
        ("GET", "/bundles/.."),
        ("GET", "/bundles\\..\\api"),
        ("GET", "/api/devices\x00"),
        ("GET", "api/devices"),
        ("GET", ""),
    ],
)
def test_what_no_line_names_and_what_is_not_written_plainly_is_nobodys(method: str, path: str) -> None:
    assert rule_for(method, path) is None


def test_a_name_that_only_begins_like_an_open_path_is_not_open() -> None:
    for path in ("/bundlesx", "/loginx", "/enrolled", "/metadatax", "/metricsx"):
        rule = rule_for("GET", path)
        assert rule is not None
        assert rule.needs == "viewer", path


def test_every_change_of_the_api_and_every_look_at_a_picture_is_recorded_but_the_preview() -> None:
    unrecorded = {r.path for r in RULES if r.path.startswith("/api") and r.methods & CHANGE and not r.recorded}
    assert unrecorded == {"/api/rollouts/preview"}
    assert [rule.path for rule in RULES if rule.methods & READ and rule.recorded] == ["/api/pictures"]
