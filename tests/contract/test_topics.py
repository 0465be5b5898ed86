"""Topics: built and parsed by the same file, and nothing else passes for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError, LinkError
from contract.topics import FROM_DEVICE, Topic, checked_name, every_device, parse, topic

NAMES = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")


@given(NAMES, NAMES, st.sampled_from(FROM_DEVICE))
def test_what_is_built_is_parsed_back(fleet: str, device: str, kind: str) -> None:
    assert parse(topic(fleet, device, kind)) == Topic(fleet, device, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    ["", "edgeferry/v1/f/d", "edgeferry/v2/f/d/ack", "edgeferry/v1/f/d/unknown", "edgeferry/v1/f//ack", "x/v1/f/d/ack"],
)
def test_foreign_topics_are_refused(text: str) -> None:
    with pytest.raises(LinkError):
        parse(text)


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "-a", "a b", "a" * 64, "é"])
def test_names_that_would_break_a_topic_or_a_file_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        checked_name(name, what="device")


def test_the_subscription_covers_every_device() -> None:
    assert every_device("barn", "telemetry") == "edgeferry/v1/barn/+/telemetry"
