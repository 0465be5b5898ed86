"""What a device believes about time: at 1970, in 2099, after a restart, and when somebody who may sign lies."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from contract.moments import unix_s
from edge.clock import FILE_NAME, Anchor, FleetClock
from edge.durable import Disk, DiskError

DAY_S = 86_400.0
MAY = unix_s("2026-05-01T12:00:00Z")
ROOT = Anchor(version=1, signed_s=MAY - 90 * DAY_S, keys=("targets", "snapshot", "timestamp"))


class Hands:
    """A wall clock and a stopwatch that go when they are told to."""

    def __init__(self, wall_s: float = 0.0) -> None:
        self.wall_s, self.since_start_s = wall_s, 5.0

    def pass_by(self, seconds: float) -> None:
        self.wall_s += seconds
        self.since_start_s += seconds

    def clock(self, folder: Path, disk: Disk | None = None) -> FleetClock:
        return FleetClock(folder, disk or Disk(), system=lambda: self.wall_s, monotonic=lambda: self.since_start_s)


def taught(folder: Path, hands: Hands) -> FleetClock:
    """A clock that knows that May has come, by metadata good for a week."""
    clock = hands.clock(folder)
    clock.follow(ROOT)
    clock.learn(MAY, "timestamp 7", until_s=MAY + 7 * DAY_S)
    return clock


def test_a_clock_that_is_right_is_believed(tmp_path: Path) -> None:
    clock = taught(tmp_path, Hands(MAY + 3600))
    assert clock.now() == MAY + 3600
    assert not clock.behind


def test_a_new_device_at_1970_believes_its_root(tmp_path: Path) -> None:
    clock = Hands().clock(tmp_path)
    assert (clock.now(), clock.behind) == (0.0, False)
    clock.follow(ROOT)
    assert (clock.now(), clock.behind) == (ROOT.signed_s, True)


def test_the_floor_goes_on_with_time_and_survives_a_restart(tmp_path: Path) -> None:
    hands = Hands()
    clock = taught(tmp_path, hands)
    hands.pass_by(60.0)
    assert clock.now() == MAY + 60.0
    assert Hands().clock(tmp_path).now() == MAY
    assert "but it is at least 2026-05-01T12:01:00.000Z" in clock.words()


def test_a_floor_learnt_late_does_not_turn_time_back(tmp_path: Path) -> None:
    hands = Hands()
    clock = taught(tmp_path, hands)
    hands.pass_by(3600.0)
    clock.learn(MAY + 60.0, "assignment 3")
    assert clock.now() == MAY + 3600.0


def test_an_older_moment_changes_nothing_and_writes_nothing(tmp_path: Path) -> None:
    clock = taught(tmp_path, Hands())
    written = (tmp_path / FILE_NAME).stat().st_mtime_ns
    clock.learn(MAY - DAY_S, "assignment 2")
    assert clock.now() == MAY
    assert (tmp_path / FILE_NAME).stat().st_mtime_ns == written


def test_a_clock_in_2099_is_believed_and_leaves_no_trace(tmp_path: Path) -> None:
    hands = Hands(unix_s("2099-01-01T00:00:00Z"))
    clock = taught(tmp_path, hands)
    assert clock.now() == hands.wall_s
    hands.wall_s = MAY + DAY_S
    assert clock.now() == MAY + DAY_S
    assert Hands().clock(tmp_path).now() == MAY


def test_a_clock_beyond_the_calendar_is_no_bug(tmp_path: Path) -> None:
    clock = taught(tmp_path, Hands(1e15))
    assert clock.now() < 1e12
    assert "shows 9999-12-31" in clock.words()


def test_nobody_is_believed_before_there_is_trusted_metadata(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = Hands().clock(tmp_path)
    clock.learn(MAY, "assignment 1")
    assert clock.now() == 0.0
    assert "assignment 1 says 2026-05-01T12:00:00.000Z, believed up to 1970-01-01" in caplog.text


def test_a_far_future_is_believed_no_further_than_metadata_is_good_for(tmp_path: Path) -> None:
    clock = taught(tmp_path, Hands())
    clock.learn(unix_s("2098-01-01T00:00:00Z"), "assignment 9")
    assert clock.now() == MAY + 7 * DAY_S
    clock.learn(unix_s("9999-12-31T23:59:59Z") * 1000, "assignment 10")
    assert clock.now() == MAY + 7 * DAY_S


def test_what_a_withdrawn_key_said_is_forgotten(tmp_path: Path) -> None:
    clock = taught(tmp_path, Hands())
    clock.learn(MAY + 300 * DAY_S, "timestamp 8", until_s=MAY + 365 * DAY_S)
    newer = Anchor(version=2, signed_s=MAY + DAY_S, keys=("targets", "snapshot", "another"))
    assert clock.follow(newer)
    assert clock.now() == MAY + DAY_S
    assert Hands().clock(tmp_path).now() == MAY + DAY_S
    clock.learn(MAY + 300 * DAY_S, "assignment 9")
    assert clock.now() == MAY + DAY_S, "nothing is believed until metadata is trusted again"


def test_a_new_root_with_the_same_keys_or_more_lowers_nothing(tmp_path: Path) -> None:
    clock = taught(tmp_path, Hands())
    assert not clock.follow(Anchor(version=2, signed_s=MAY - DAY_S, keys=(*ROOT.keys, "second")))
    assert clock.now() == MAY


def test_an_older_root_lowers_nothing(tmp_path: Path) -> None:
    clock = taught(tmp_path, Hands())
    assert not clock.follow(Anchor(version=1, signed_s=0.0, keys=()))
    assert clock.now() == MAY


@pytest.mark.parametrize("spoilt", [b"", b"{", b"\0" * 200, b'{"schema": 1, "floor_s": -5}', b'{"floor_s": 1e300}'])
def test_an_unreadable_record_is_set_aside_and_strands_nobody(
    tmp_path: Path, spoilt: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE_NAME).write_bytes(spoilt)
    clock = taught(tmp_path, Hands())
    assert clock.now() == MAY
    assert (tmp_path / (FILE_NAME + ".unreadable")).read_bytes() == spoilt
    assert "set aside" in caplog.text


def test_a_record_cut_anywhere_strands_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    taught(tmp_path, Hands())
    whole = (tmp_path / FILE_NAME).read_bytes()
    for length in range(len(whole)):
        (tmp_path / FILE_NAME).write_bytes(whole[:length])
        assert taught(tmp_path, Hands()).now() == MAY


def test_a_disk_that_refuses_is_named_and_the_moment_counts_all_the_same(tmp_path: Path) -> None:
    clock = Hands().clock(tmp_path / "absent")
    with pytest.raises(DiskError, match="keeping the time failed"):
        clock.follow(ROOT)
    assert clock.now() == ROOT.signed_s


def test_many_threads_leave_the_latest_moment(tmp_path: Path) -> None:
    clock = taught(tmp_path, Hands())
    moments = [MAY + n for n in range(1, 9)]
    threads = [threading.Thread(target=clock.learn, args=(moment, "assignment")) for moment in moments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Hands().clock(tmp_path).now() == moments[-1]
