"""What is kept of a batch that cannot be kept as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from contract.codec import to_json
from contract.messages import Batch, Presence
from contract.topics import Kind
from fleet.arrivals import Arrival, Refusal, judge
from fleet.salvage import parts, readable
from tests.fleet.simulated import FLEET, batch


def judged(payload: bytes, kind: Kind = "telemetry") -> list[Arrival | Refusal]:
    found = judge(FLEET, f"edgeferry/v1/{FLEET}/cam-1/{kind}", payload, 5.0)
    assert isinstance(found, Refusal)
    return readable(found, payload)


def spoilt(spoil: Callable[[dict[str, Any]], object]) -> bytes:
    """Readings 1 to 3 after `spoil` has changed them."""
    value = json.loads(to_json(batch("b1", [1, 2, 3])))
    spoil(value)
    return json.dumps(value).encode()


def test_one_unreadable_message_is_refused_and_its_neighbours_are_kept() -> None:
    refusal, arrival = judged(spoilt(lambda value: value["telemetry"][1].update(window_s="long")))
    assert isinstance(refusal, Refusal)
    assert refusal.cause == "malformed"
    assert isinstance(arrival, Arrival)
    assert isinstance(arrival.message, Batch)
    assert [message.sequence for message in arrival.message.messages()] == [1, 3]
    assert arrival.refused == (2,)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value.update(boot=7, telemetry=[]),
        lambda value: value.update(boot="no such boot!", telemetry=[{}]),
        lambda value: value.update(oldest=3, telemetry=[{"sequence": 1}]),
        lambda value: value.update(telemetry=5),
    ],
)
def test_where_nobody_can_be_answered_there_is_the_refusal_alone(spoil: Callable[[dict[str, Any]], object]) -> None:
    assert [type(one) for one in judged(spoilt(spoil))] == [Refusal]


def test_a_message_without_a_number_is_not_settled() -> None:
    _, arrival = judged(spoilt(lambda value: value["telemetry"].append({})))
    assert isinstance(arrival, Arrival)
    assert arrival.refused == ()


def test_other_kinds_have_nothing_to_save() -> None:
    assert [type(one) for one in judged(b"{}", "presence")] == [Refusal]


def test_parts_get_smaller_until_one_message_is_refused() -> None:
    whole = judge(FLEET, f"edgeferry/v1/{FLEET}/cam-1/telemetry", to_json(batch("b1", [1, 2, 5])), 5.0)
    assert isinstance(whole, Arrival)
    first, second = parts(whole, ValueError())
    assert [numbers(first), numbers(second)] == [[1], [2, 5]]
    assert isinstance(first, Arrival)
    refusal, nothing = parts(first, ValueError())
    assert isinstance(refusal, Refusal)
    assert (refusal.cause, refusal.detail) == ("unstorable", "ValueError")
    assert isinstance(nothing, Arrival)
    assert (numbers(nothing), nothing.refused) == ([], (1,))


def test_what_is_no_batch_is_refused_whole() -> None:
    said = to_json(Presence(boot="b1", online=True))
    arrival = judge(FLEET, f"edgeferry/v1/{FLEET}/cam-1/presence", said, 5.0)
    assert isinstance(arrival, Arrival)
    assert [type(one) for one in parts(arrival, ValueError())] == [Refusal]


def numbers(arrival: Arrival | Refusal) -> list[int]:
    assert isinstance(arrival, Arrival)
    assert isinstance(arrival.message, Batch)
    return [message.sequence for message in arrival.message.messages()]
