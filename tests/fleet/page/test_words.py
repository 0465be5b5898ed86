"""How facts read on the page."""

from __future__ import annotations

from msgspec import structs

from contract.codec import to_json
from contract.moments import rfc3339
from fleet.answers import Device, Reading
from fleet.page import words as words
from tests.fleet.simulated import reading


def device(*, online: bool, seen_s: float, next_s: float | None = None) -> Device:
    newest = Reading.model_validate_json(to_json(structs.replace(reading(1), next_s=next_s)))
    return Device(id="cam-1", online=online, last_seen=rfc3339(seen_s), telemetry=newest)


def test_a_device_that_is_connected_and_says_nothing_is_quiet() -> None:
    assert words.presence(device(online=True, seen_s=100.0), 110.0) == "online"
    assert words.presence(device(online=True, seen_s=100.0), 131.0) == "quiet"
    assert words.presence(device(online=False, seen_s=100.0), 101.0) == "offline"


def test_a_device_that_said_when_it_will_speak_again_is_waited_for() -> None:
    assert words.presence(device(online=True, seen_s=100.0, next_s=3600.0), 5000.0) == "online"
    assert words.presence(device(online=True, seen_s=100.0, next_s=3600.0), 5600.0) == "quiet"


def test_time_passed_has_one_unit() -> None:
    passed = {0: "0 s ago", 89: "89 s ago", 600: "10 min ago", 7200: "2 h ago", 4 * 86400: "4 d ago", -5: "0 s ago"}
    for seconds, expected in passed.items():
        assert words.ago(rfc3339(1_000_000.0), 1_000_000.0 + seconds) == expected


def test_what_was_never_seen_is_never() -> None:
    assert words.ago(None, 1.0) == "never"


def test_a_small_share_never_reads_as_none() -> None:
    assert words.share(0.0) == "0.0 %"
    assert words.share(0.0004) == "<0.1 %"
    assert words.share(0.9495) == "95.0 %"
    assert words.share(None) == words.MISSING


def test_stripes_are_as_wide_as_their_shares_and_touch() -> None:
    palette = words.colours(["a", "b"])
    stripes = words.bar({"b": 1, "a": 3}, palette)
    assert stripes == f"linear-gradient(to right, {palette['a']} 0.00% 75.00%, {palette['b']} 75.00% 100.00%)"
    assert words.bar({}, palette) == "none"


def test_many_classes_share_the_last_colour() -> None:
    palette = words.colours(f"{n:02}" for n in range(30))
    assert palette["09"] == palette["29"] == words.PALETTE[-1]


def test_states_are_coloured_by_what_they_mean() -> None:
    assert {words.tone(state) for state in ("committed", "done")} == {"good"}
    assert {words.tone(state) for state in ("refused", "rolled-back", "silent", "halted")} == {"bad"}
    assert {words.tone(state) for state in ("assigned", "shadowing", "provisional", "running")} == {"busy"}
    assert {words.tone(state) for state in ("waiting", "blocked", "withdrawn")} == {"dim"}
