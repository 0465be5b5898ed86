"""A mounted boot partition is any folder with the right files in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from contract.errors import ConfigError
from devices.flash.boot_folder_target import flash_boot_folder
from tests.devices.flash.cards import BOOKWORM, PRESEED, TRIXIE, payload, settings


def mounted(folder: Path, files: Mapping[str, str]) -> Path:
    """A folder as it is after mounting."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Every file."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("files", [BOOKWORM, TRIXIE, PRESEED])
def test_it_gets_the_payload_and_the_hook_and_repeating_changes_nothing(files: dict[str, str], tmp_path: Path) -> None:
    folder, said = mounted(tmp_path / "bootfs", files), list[str]()
    plan = flash_boot_folder(payload(), settings(), folder, dry_run=True, say=said.append)
    assert content(folder) == {name: text.encode() for name, text in files.items()}
    report = flash_boot_folder(payload(), settings(), folder, say=said.append)
    assert report.result == "installed"
    assert report.written == plan.written
    there = content(folder)
    assert there["edgeferry/payload/install.sh"].startswith(b"#!/bin/sh")
    assert all(there[name] == text.encode() for name, text in files.items() if name not in report.written)
    again = flash_boot_folder(payload(), settings(), folder, say=said.append)
    assert (again.result, again.written, content(folder)) == ("unchanged", {}, there)


def test_the_kernel_command_line_stays_one_line_and_keeps_its_words(tmp_path: Path) -> None:
    folder = mounted(tmp_path / "bootfs", BOOKWORM)
    flash_boot_folder(payload(), settings(), folder, say=str)
    line = (folder / "cmdline.txt").read_text()
    assert line.count("\n") == 1
    assert line.startswith(BOOKWORM["cmdline.txt"].strip())
    assert line.endswith(
        " systemd.run=/boot/firmware/firstrun.sh systemd.run_success_action=reboot"
        " systemd.unit=kernel-command-line.target\n"
    )


def test_a_folder_that_is_no_boot_partition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no config\.txt"):
        flash_boot_folder(payload(), settings(), mounted(tmp_path / "home", {"notes.txt": ""}), say=str)
    with pytest.raises(ConfigError, match="no such folder"):
        flash_boot_folder(payload(), settings(), tmp_path / "nowhere", say=str)
    assert content(tmp_path / "home") == {"notes.txt": b""}
