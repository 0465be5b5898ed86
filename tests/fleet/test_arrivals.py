"""What is ours, what can be read, and what goes to quarantine."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.codec import to_json
from contract.messages import MAX_BYTES, Batch
from fleet.arrivals import SAMPLE_BYTES, Arrival, Refusal, judge
from tests.fleet.simulated import FLEET, batch

TOPIC = f"edgeferry/v1/{FLEET}/cam-1/telemetry"
GOOD = to_json(batch("b1", [1, 2]))


def refused(payload: bytes) -> Refusal:
    found = judge(FLEET, TOPIC, payload, 5.0)
    assert isinstance(found, Refusal)
    return found


def test_a_readable_batch_arrives_with_its_device_and_time() -> None:
    found = judge(FLEET, TOPIC, GOOD, 5.0)
    assert isinstance(found, Arrival)
    assert isinstance(found.message, Batch)
    assert (found.topic.device, found.received_s) == ("cam-1", 5.0)


@pytest.mark.parametrize(
    "topic",
    [
        "edgeferry/v1/other/cam-1/telemetry",
        f"edgeferry/v1/{FLEET}/cam-1/ack",
        f"edgeferry/v1/{FLEET}/cam-1/desired",
        f"edgeferry/v1/{FLEET}/cam 1/telemetry",
        "$SYS/broker/uptime",
    ],
)
def test_topics_that_are_not_from_our_devices_are_left_aside(topic: str) -> None:
    assert judge(FLEET, topic, GOOD, 5.0) is None


def test_each_kind_of_unreadable_payload_has_its_cause() -> None:
    assert refused(b"{").cause == "malformed"
    assert refused(b"\xff\xfe").cause == "malformed"
    assert refused(b'{"schema": 2, "boot": "b", "oldest": 1}').cause == "schema"
    assert refused(b" " * (MAX_BYTES + 1)).cause == "oversized"
    assert refused(GOOD.replace(b'"b1"', b'"b\\u0000"')).cause == "malformed"
    assert refused(GOOD.replace(b'"sequence":2', b'"sequence":9007199254740993')).cause == "malformed"
    assert refused(to_json(batch("b1", [3], oldest=4))).detail == "a sequence below `oldest`"


def test_a_refusal_keeps_a_bounded_sample() -> None:
    assert refused(b"x" * 50_000).sample == b"x" * SAMPLE_BYTES


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_payload_raises(payload: bytes) -> None:
    judge(FLEET, TOPIC, payload, 5.0)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["boot", "oldest", "telemetry", "schema", "sequence"]), inner)
        ),
    )
)
def test_no_json_raises(value: object) -> None:
    judge(FLEET, TOPIC, json.dumps(value).encode(), 5.0)
