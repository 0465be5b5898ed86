"""Many devices at once: how many at a time, and how an interruption ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.errors import LinkError
from devices.flash_fleet import flash_fleet
from devices.flash_journal import FlashJournal
from devices.flash_target import Result
from devices.fleet_form import Row
from devices.payload import Payload
from tests.devices.conftest import Desk

Say = Callable[[str], None]


def rows(desk: Desk, count: int) -> list[Row]:
    return [Row(n + 1, desk.settings(device_id=f"cam-{n}"), f"ssh://cam-{n}", desk.bundle) for n in range(1, count + 1)]


def test_as_many_at_a_time_as_asked_and_verdicts_in_the_rows_order(desk: Desk, tmp_path: Path) -> None:
    together = threading.Barrier(2, timeout=30)

    def flash(row: Row, _payload: Payload, _say: Say) -> Result:
        together.wait()
        if row.line == 3:
            raise LinkError("gone", where=row.to, fix="Look.")
        return "installed"

    journal = FlashJournal(tmp_path / "form.csv")
    said: list[str] = []
    verdicts = flash_fleet(rows(desk, 4), flash, journal, jobs=2, say=said.append, stop=lambda: None)
    assert [verdict.result for verdict in verdicts] == ["installed", "failed", "installed", "installed"]
    assert verdicts[1].words() == "cam-2: FAILED: gone [ssh://cam-2] Look."
    assert len(said) == 4
    assert len((tmp_path / "form.csv.done").read_text().splitlines()) == 3


def test_an_interruption_ends_what_is_under_way_and_begins_nothing_more(desk: Desk, tmp_path: Path) -> None:
    stopped = threading.Event()
    begun: list[int] = []

    def flash(row: Row, _payload: Payload, _say: Say) -> Result:
        begun.append(row.line)
        if row.line == 2:
            return "installed"
        assert stopped.wait(30)
        raise LinkError("stopped", where=row.to, fix="Again.")

    def interrupted(_words: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flash_fleet(
            rows(desk, 5), flash, FlashJournal(tmp_path / "form.csv"), jobs=1, say=interrupted, stop=stopped.set
        )
    assert begun[0] == 2
    assert len(begun) <= 3
