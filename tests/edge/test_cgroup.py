from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.cgroup import cpu_share, memory_limit_bytes, usable_cores


def groups(folder: Path, path: str, **settings: str) -> tuple[Path, Path]:
    """A mounted tree and the file that says this process is in `path`; `settings` as `LEVEL__FILE`."""
    root = folder / "cgroup"
    inner = root / path.lstrip("/")
    inner.mkdir(parents=True)
    for name, value in settings.items():
        level, file = name.split("__")
        place = inner if level == "own" else inner.parent
        (place / file.replace("_", ".")).write_text(value + "\n")
    membership = folder / "membership"
    membership.write_text(f"4:memory:/other\n0::{path}\n")
    return root, membership


@pytest.mark.parametrize(
    ("own", "above", "share"),
    [
        ("max 100000", "max 100000", None),
        ("150000 100000", "max 100000", 1.5),
        ("max 100000", "50000 100000", 0.5),
        ("400000 100000", "200000 100000", 2.0),
    ],
)
def test_the_tightest_share_of_the_group_and_those_above_it_counts(
    tmp_path: Path, own: str, above: str, share: float | None
) -> None:
    assert cpu_share(*groups(tmp_path, "/system.slice/cam.service", own__cpu_max=own, above__cpu_max=above)) == share


def test_part_of_a_core_is_one_core(tmp_path: Path) -> None:
    assert usable_cores(*groups(tmp_path, "/a/b", own__cpu_max="20000 100000")) == 1


def test_a_share_larger_than_the_machine_does_not_add_cores(tmp_path: Path) -> None:
    assert usable_cores(*groups(tmp_path, "/a/b", own__cpu_max="99900000 100000")) == len(os.sched_getaffinity(0))


def test_the_tightest_memory_limit_counts(tmp_path: Path) -> None:
    limits = {"own__memory_max": "max", "above__memory_max": "268435456"}
    assert memory_limit_bytes(*groups(tmp_path, "/a/b", **limits)) == 256 * 1024**2


def test_without_control_groups_nothing_is_limited(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    assert cpu_share(absent, absent) is None
    assert memory_limit_bytes(absent, absent) is None
    assert usable_cores(absent, absent) == len(os.sched_getaffinity(0))


def test_this_machine_gives_an_answer() -> None:
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))
