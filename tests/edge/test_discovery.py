"""The announcement, held against what Home Assistant accepts (its mqtt/discovery.py, schemas.py and update.py)."""

from __future__ import annotations

import re

import pytest

from edge.discovery import Named, announcement, object_id, slugs

TOPIC_MATCHER = re.compile(r"(?P<component>\w+)/(?:(?P<node_id>[a-zA-Z0-9_-]+)/)?(?P<object_id>[a-zA-Z0-9_-]+)/config")
"""Home Assistant's own."""
NAMED = Named("edgeferry_berlin_gate-7", "gate-7", "rpi4", "0.1.0", site="yard")


def test_an_announcement_has_what_a_device_announcement_must_have() -> None:
    said = announcement(NAMED, state_topic="s", presence_topic="p", labels={"cat": "cat"})
    assert set(said) == {"device", "origin", "availability", "state_topic", "qos", "components"}
    assert said["device"] == {
        "identifiers": ["edgeferry_berlin_gate-7"],
        "name": "gate-7",
        "manufacturer": "edgeferry",
        "model": "rpi4",
        "sw_version": "0.1.0",
        "suggested_area": "yard",
    }
    assert said["origin"] == {"name": "edgeferry", "sw_version": "0.1.0"}


def test_every_component_has_a_platform_and_an_id_of_its_own() -> None:
    said = announcement(NAMED, state_topic="s", presence_topic="p", labels=slugs(["cat", "Cat!", "model"]))
    components = said["components"]
    assert isinstance(components, dict)
    assert {component["platform"] for component in components.values()} == {"sensor", "binary_sensor", "update"}
    ids = [component["unique_id"] for component in components.values()]
    assert len(set(ids)) == len(ids) == 9


def test_a_label_that_is_gone_is_named_by_its_platform_alone() -> None:
    said = announcement(NAMED, state_topic="s", presence_topic="p", labels={}, removed=["cat"])
    components = said["components"]
    assert isinstance(components, dict)
    assert components["count_cat"] == {"platform": "sensor"}


@pytest.mark.parametrize(
    ("fleet", "device"), [("berlin", "gate-7"), ("a.b", "c"), ("a_b", "c"), ("a", "b_c"), ("a", "b.c")]
)
def test_an_id_may_stand_in_home_assistants_topic(fleet: str, device: str) -> None:
    assert TOPIC_MATCHER.fullmatch(f"device/{object_id(fleet, device)}/config")


def test_no_two_devices_share_an_id() -> None:
    pairs = [("a_b", "c"), ("a", "b_c"), ("a.b", "c"), ("a", "b.c"), ("a-b", "c"), ("a", "b-c"), ("a", "b")]
    assert len({object_id(*pair) for pair in pairs}) == len(pairs)


def test_labels_of_any_script_get_keys_of_their_own() -> None:
    found = slugs(["traffic light", "Traffic-Light", "猫", "犬", "a'b{{", "cat", "cat"])
    assert found["traffic light"] == "traffic_light"
    assert found["a'b{{"] == "a_b"
    assert len(set(found.values())) == len(found) == 6
    assert all(re.fullmatch(r"[a-z0-9_]+", slug) for slug in found.values())
