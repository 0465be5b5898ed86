"""When a rollout may tell devices."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from contract.errors import ConfigError
from fleet.rolling.windows import Window

NIGHTS = Window("Mon-Fri 22:00-05:00 Europe/Berlin")


def at(text: str, zone: str = "Europe/Berlin") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize("moment", ["2026-03-02T22:00", "2026-03-03T04:59", "2026-03-07T04:59"])
def test_open_over_midnight_and_into_saturday(moment: str) -> None:
    assert NIGHTS.is_open(at(moment))


@pytest.mark.parametrize("moment", ["2026-03-02T04:00", "2026-03-02T21:59", "2026-03-03T05:00", "2026-03-07T22:30"])
def test_closed_by_day_and_at_the_weekend(moment: str) -> None:
    assert not NIGHTS.is_open(at(moment))


def test_the_next_opening_and_the_end_of_this_one() -> None:
    assert NIGHTS.opens_at(at("2026-03-07T12:00")) == at("2026-03-09T22:00")
    assert NIGHTS.opens_at(at("2026-03-02T23:00")) == at("2026-03-02T23:00")
    assert NIGHTS.closes_at(at("2026-03-02T23:00")) == at("2026-03-03T05:00")
    assert Window("").closes_at(0.0) is None


def test_a_night_in_which_clocks_go_forward_is_an_hour_shorter() -> None:
    window = Window("Sat 22:00-05:00 Europe/Berlin")
    closes = window.closes_at(at("2026-03-28T22:00"))
    assert closes is not None
    assert closes - at("2026-03-28T22:00") == 6 * 3600


def test_several_windows_days_in_any_case_and_utc_by_default() -> None:
    window = Window("sat,sun 10:00-12:00; 3:00-4:00 UTC")
    assert window.is_open(at("2026-03-07T11:00", "UTC"))
    assert window.is_open(at("2026-03-03T03:30", "UTC"))
    assert not window.is_open(at("2026-03-03T11:00", "UTC"))
    assert Window("Sat-Mon 10:00-11:00").is_open(at("2026-03-08T10:30", "UTC"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nights", "'nights' is not a time window"),
        ("Mon 25:00-26:00", "'25:00' is not a time of day"),
        ("Moon 1:00-2:00", "'Moon' is neither a day"),
        ("1:00-1:00", "begins when it ends"),
        ("1:00-2:00 Europe/Atlantis", "'Europe/Atlantis' is not a time zone"),
        ("1:00-2:00 ../../etc/passwd", "is not a time zone"),
        ("1:00-2:00;", "'' is not a time window"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        Window(text)
    assert words in refusal.value.what
