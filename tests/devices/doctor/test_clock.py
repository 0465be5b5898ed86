"""The year and the kernel's word about synchronisation."""

from __future__ import annotations

import pytest

from devices.doctor.clock import clock_findings, sync_finding, year_finding


@pytest.mark.parametrize(("now", "status"), [(0.0, "bad"), (1_750_000_000.0, "bad"), (1_780_000_000.0, "ok")])
def test_a_clock_from_before_this_program_is_wrong(now: float, status: str) -> None:
    assert year_finding(now).status == status


def test_a_wrong_clock_says_what_it_says() -> None:
    assert year_finding(0.0).what == "it says 1970-01-01 00:00 UTC, before this program was written"


@pytest.mark.parametrize(("status", "expected"), [(0x0001, "ok"), (0x2001, "ok"), (0x0040, "warn"), (None, "warn")])
def test_an_unsteered_clock_is_a_doubt(status: int | None, expected: str) -> None:
    assert sync_finding(status).status == expected


def test_this_machines_clock_can_be_asked() -> None:
    assert [finding.check for finding in clock_findings()] == ["clock", "time service"]
