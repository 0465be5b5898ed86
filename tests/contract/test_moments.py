"""Moments: written in one way, read in every way RFC 3339 allows us to meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.moments import rfc3339, unix_s


def test_a_moment_is_utc_with_milliseconds() -> None:
    assert rfc3339(1772366400.25) == "2026-03-01T12:00:00.250Z"


@given(st.integers(0, 4_000_000_000_000))
def test_what_was_written_reads_back_to_the_millisecond(milliseconds: int) -> None:
    assert unix_s(rfc3339(milliseconds / 1000)) == pytest.approx(milliseconds / 1000, abs=0.001)


@pytest.mark.parametrize("text", ["2026-03-01T13:00:00+01:00", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000z"])
def test_other_zones_and_spellings_are_understood(text: str) -> None:
    assert unix_s(text) == 1772366400.0


@pytest.mark.parametrize("text", ["", "soon", "2026-03-01T12:00:00", "2026-13-01T12:00:00Z"])
def test_what_is_no_moment_or_has_no_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        unix_s(text)
