"""Bytes counted by month and assignment, across restarts, crashes, and clocks that jump."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.moments import unix_s
from edge.budget import ASKING_BYTES, FILE_NAME, FLUSH_BYTES, Budget, BudgetError, Spent
from edge.durable import Disk, DiskError

MIB = 1 << 20
MARCH, APRIL = unix_s("2026-03-31T23:59:59Z"), unix_s("2026-04-01T00:00:00Z")


class Clock:
    """Says what it is told."""

    def __init__(self, now_s: float = MARCH) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def budget(
    folder: Path, *, month: int | None = 10 * MIB, clock: Clock | None = None, disk: Disk | None = None
) -> Budget:
    return Budget(folder, disk or Disk(), month_bytes=month, clock=clock or Clock())


def test_a_month_is_spent_to_the_last_byte_and_no_further(tmp_path: Path) -> None:
    spend = budget(tmp_path, month=1000).allowance(None, counter=1)
    spend(600)
    spend(400)
    with pytest.raises(BudgetError, match="0 bytes were left this month, and 1 bytes more have come") as spent:
        spend(1)
    assert spent.value.where == "month_mib under [update] in device.toml"
    assert spent.value.cause == "budget"
    assert budget(tmp_path, month=1000).spent == Spent(
        month="2026-03", month_bytes=1001, counter=1, assignment_bytes=1001
    )


def test_what_cannot_fit_is_refused_before_its_first_byte(tmp_path: Path) -> None:
    spend = budget(tmp_path, month=6 * MIB).allowance(4 * MIB, counter=1)
    spend.check_room(4 * MIB - ASKING_BYTES)
    with pytest.raises(
        BudgetError, match=r"would take 4\.0 MiB and 16 KiB for asking, 4\.0 MiB are left of the assign"
    ):
        spend.check_room(4 * MIB)
    with pytest.raises(BudgetError, match=r"would take 7\.0 MiB and 16 KiB for asking, 6\.0 MiB are left this month"):
        spend.check_room(7 * MIB)
    spend(4 * MIB)
    spend.check_room(0)


def test_all_attempts_at_an_assignment_share_its_budget(tmp_path: Path) -> None:
    counted = budget(tmp_path, month=None)
    counted.allowance(1000, counter=7)(900)
    counted.flush()
    again = budget(tmp_path, month=None).allowance(1000, counter=7)
    with pytest.raises(BudgetError, match="100 bytes were left of the assignment's budget") as spent:
        again(101)
    assert spent.value.fix == "Assign it again with a larger budget."
    budget(tmp_path, month=None).allowance(1000, counter=8)(1000)


def test_the_next_month_begins_anew(tmp_path: Path) -> None:
    clock = Clock(MARCH)
    counted = budget(tmp_path, month=1000, clock=clock)
    spend = counted.allowance(None, counter=1)
    spend(1000)
    assert counted.left() == 0
    clock.now_s = APRIL
    assert counted.left() == 1000
    spend(999)
    assert counted.spent == Spent(month="2026-04", month_bytes=999, counter=1, assignment_bytes=1999)


@given(st.lists(st.tuples(st.integers(0, 2_000_000_000), st.integers(0, 1000)), max_size=30))
def test_no_clock_gives_a_month_back_by_jumping_back(jumps: list[tuple[int, int]]) -> None:
    class Nowhere(Disk):
        def replace_file(self, path: Path, data: bytes) -> None:
            """Forgotten at once."""

    clock = Clock(0.0)
    counted = budget(Path("/absent"), month=None, clock=clock, disk=Nowhere())
    latest, expected = "1970-01", 0
    for at_s, count in jumps:
        clock.now_s = at_s
        month = counted.spent.month
        expected = count if month > latest else expected + count
        counted.add(count)
        assert month >= latest
        assert counted.spent.month_bytes == expected
        latest = month


def test_a_device_that_starts_in_1970_keeps_its_count(tmp_path: Path) -> None:
    counted = budget(tmp_path)
    counted.add(5000)
    counted.flush()
    clock = Clock(0.0)
    after = budget(tmp_path, clock=clock)
    assert after.spent.month_bytes == 5000
    clock.now_s = MARCH
    assert after.spent.month_bytes == 5000


def test_a_crash_forgets_no_more_than_was_not_flushed(tmp_path: Path) -> None:
    counted = budget(tmp_path)
    for _ in range(100):
        counted.add(10_000)
        on_disk = budget(tmp_path).spent.month_bytes
        assert counted.spent.month_bytes - on_disk < FLUSH_BYTES
    counted.flush()
    assert budget(tmp_path).spent.month_bytes == 1_000_000


def test_nothing_is_written_where_nothing_was_fetched(tmp_path: Path) -> None:
    counted = budget(tmp_path)
    counted.allowance(None, counter=3)
    counted.flush()
    assert list(tmp_path.iterdir()) == []
    assert counted.left() == 10 * MIB
    assert budget(tmp_path, month=None).left() is None


@pytest.mark.parametrize("content", [b"", b"\0" * 200, b'{"schema": 1}', b'{"schema": 9, "month": "2026-03"}'])
def test_a_spoilt_file_is_set_aside_in_words(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    assert budget(tmp_path).spent.month_bytes == 0
    assert (tmp_path / "budget.json.spoilt").read_bytes() == content
    assert "It is set aside, and this month's count begins anew" in caplog.text


def test_a_disk_that_refuses_is_named(tmp_path: Path) -> None:
    counted = budget(tmp_path / "absent")
    counted.add(1)
    with pytest.raises(DiskError, match="keeping the count of fetched bytes failed"):
        counted.flush()
