"""Who may open a device's file, as the kernel decides it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devices.doctor.permission import may_open, refusal


def owned(mode: int, *, user: int = 0, group: int = 44) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, user, group, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("mode", "user", "groups", "may"),
    [
        (0o660, 1000, {1000, 44}, True),
        (0o660, 1000, {1000}, False),
        (0o640, 1000, {44}, False),
        (0o666, 1000, {1000}, True),
        (0o600, 0, set(), True),
        (0o060, 5, {44}, False),
    ],
)
def test_a_user_may_open_a_file_or_not(mode: int, user: int, groups: set[int], may: bool) -> None:
    owner = 5 if mode == 0o060 else 0  # an owner whom the mode shuts out stays out, whatever the group may
    assert may_open(owned(mode, user=owner), user=user, groups=groups) is may


def test_ones_own_file_is_not_refused_and_an_absent_one_raises(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o600)
    assert refusal(tmp_path / "file") is None
    with pytest.raises(FileNotFoundError):
        refusal(tmp_path / "absent")
