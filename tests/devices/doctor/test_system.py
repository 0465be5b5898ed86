"""Python, userland, C library, memory and disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from devices.doctor.system import (
    PYTHONS,
    disk_finding,
    glibc_finding,
    memory_finding,
    python_finding,
    system_findings,
    userland_finding,
)
from tests.conftest import ROOT
from tests.devices.doctor.planted import case_of, configured


def test_the_pythons_are_those_of_the_package() -> None:
    assert f'requires-python = "{PYTHONS}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("board", "version", "status"),
    [("rpi4", "3.11.2", "ok"), ("rpi4", "3.12.1", "ok"), ("rpi4", "3.9.2", "bad"), ("rpi4", "3.14.0", "bad")],
)
def test_a_python_is_one_of_ours_or_not(board: str, version: str, status: str) -> None:
    assert python_finding(case_of(board), version).status == status


def test_an_old_python_is_told_which_of_the_boards_systems_has_a_newer_one() -> None:
    fix = python_finding(case_of("rpi4"), "3.9.2").fix
    assert fix == ("Use Python 3.11 (Raspberry Pi OS 64-bit (Bookworm)) or 3.13 (Raspberry Pi OS 64-bit (Trixie)).")
    assert python_finding(case_of("jetson-nano"), "3.6.9").fix == "Use a container with Python 3.11."


def test_32_bit_programs_are_bad_on_any_kernel() -> None:
    finding = userland_finding(32, "aarch64")
    assert finding.status == "bad"
    assert "64-bit image" in finding.fix
    assert userland_finding(64, "aarch64").status == "ok"


@pytest.mark.parametrize(("version", "status"), [("2.36", "ok"), ("2.27", "ok"), ("2.24", "bad"), (None, "bad")])
def test_the_c_library_must_be_glibc_and_not_too_old(version: str | None, status: str) -> None:
    assert glibc_finding(version).status == status


def test_memory_is_held_against_the_boards_budget(tmp_path: Path) -> None:
    for available, status in ((100, "warn"), (400, "ok")):
        board = tmp_path / str(available)
        (board / "proc/device-tree").mkdir(parents=True)
        (board / "proc/device-tree/compatible").write_bytes(b"raspberrypi,model-zero-2-w\0")
        lines = f"MemTotal: {416 * 1024} kB\nMemAvailable: {available * 1024} kB\n"
        (board / "proc/meminfo").write_text(lines)
        finding = memory_finding(case_of(board))
        assert finding.status == status
        assert f"{available} MiB of 416 MiB" in finding.what


def test_memory_nobody_can_read_is_a_doubt(tmp_path: Path) -> None:
    assert memory_finding(case_of(tmp_path)).status == "warn"


@pytest.mark.parametrize(("free", "status"), [(79, "bad"), (80, "warn"), (207, "warn"), (208, "ok")])
def test_the_disk_must_hold_the_outbox_and_better_an_update_too(free: int, status: str) -> None:
    assert disk_finding(free, Path("/state"), outbox_mib=64).status == status


def test_a_state_folder_that_is_a_file_is_bad_and_one_that_will_be_made_is_well(tmp_path: Path) -> None:
    found = {finding.check: finding for finding in system_findings(configured(tmp_path))}
    assert re.fullmatch(r".*/state will be made", found["state folder"].what)
    assert found["disk"].what.endswith(f"are free in {tmp_path}")
    (tmp_path / "state").write_text("")
    found = {finding.check: finding for finding in system_findings(configured(tmp_path))}
    assert found["state folder"].status == "bad"
