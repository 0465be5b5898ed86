from __future__ import annotations

from edge.crashes import Crashes


def test_three_replacements_in_a_minute_are_borne_and_the_fourth_is_the_last() -> None:
    crashes = Crashes()
    for second in (0.0, 20.0, 40.0):
        crashes.record("SIGSEGV", second)
    assert not crashes.exhausted
    crashes.record("hung", 60.0)
    assert crashes.exhausted
    assert crashes.counts == {"SIGSEGV": 3, "hung": 1}


def test_replacements_far_apart_never_exhaust() -> None:
    crashes = Crashes()
    for number in range(100):
        crashes.record("memory", number * 20.1)
    assert not crashes.exhausted
    assert crashes.counts == {"memory": 100}


def test_giving_up_is_for_good() -> None:
    crashes = Crashes(most=0, within_s=1.0)
    crashes.record("exit", 0.0)
    crashes.record("exit", 1000.0)
    assert crashes.exhausted


def test_nothing_happened_yet() -> None:
    assert not Crashes().exhausted
    assert Crashes().counts == {}
