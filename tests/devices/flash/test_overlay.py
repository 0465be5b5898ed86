"""What is laid over a root file system, and the commands printed beside it."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from devices.flash.overlay import flash_overlay
from tests.devices.flash.cards import KEY, SECRETS, payload, settings


def test_an_archive_is_root_s_and_equal_each_time(tmp_path: Path) -> None:
    out, said = tmp_path / "overlay.tar", list[str]()
    report = flash_overlay(payload(), settings(profile="jetson-orin-jp6"), out, say=said.append)
    assert report.result == "installed"
    listed = subprocess.run(["tar", "-tvf", out], capture_output=True, text=True, check=True).stdout
    assert "-rwxr-xr-x" in next(line for line in listed.splitlines() if "payload/install.sh" in line)
    with tarfile.open(out) as archive:
        entries = {entry.name: entry for entry in archive}
        key = archive.extractfile("etc/ssh/edgeferry-keys/ferry")
        assert key is not None
        assert key.read().decode() == f"{KEY}\n"
    assert {entry.uid for entry in entries.values()} == {0}
    assert entries["opt/edgeferry-setup/payload/config/device.key"].mode == 0o600
    assert entries["etc/NetworkManager/system-connections/edgeferry-wifi.nmconnection"].mode == 0o600
    link = entries["etc/systemd/system/multi-user.target.wants/edgeferry-first-boot.service"]
    assert link.linkname == "../edgeferry-first-boot.service"
    before = out.read_bytes()
    assert flash_overlay(payload(), settings(profile="jetson-orin-jp6"), out, say=said.append).result == "unchanged"
    assert out.read_bytes() == before
    assert [secret for secret in SECRETS if secret in "\n".join(said) + repr(report)] == []


@pytest.mark.parametrize(
    ("layout", "qspi"),
    [
        ("flash_l4t_t234_nvme.xml", "bootloader/generic/cfg/flash_t234_qspi.xml"),
        ("flash_l4t_external.xml", "bootloader/t186ref/cfg/flash_t234_qspi.xml"),
    ],
)
def test_the_flash_command_fits_the_release_whose_rootfs_it_is(layout: str, qspi: str, tmp_path: Path) -> None:
    tool = tmp_path / "Linux_for_Tegra"
    for name in ("flash.sh", f"tools/kernel_flash/{layout}", qspi):
        (tool / name).parent.mkdir(parents=True, exist_ok=True)
        (tool / name).touch()
    (tool / "rootfs/etc").mkdir(parents=True)
    (tool / "rootfs/etc/nv_tegra_release").write_text("# R36 (release), REVISION: 4.3, GCID: 38968081\n")
    report = flash_overlay(payload(), settings(profile="jetson-orin-jp6"), tool / "rootfs", say=str)
    assert report.commands[0].startswith("# L4T r36.4.3;")
    assert report.commands[1] == f"cd {tool}"
    assert report.commands[-1] == (
        "sudo ./tools/kernel_flash/l4t_initrd_flash.sh --external-device nvme0n1p1 "
        f'-c tools/kernel_flash/{layout} -p "-c {qspi}" --showlogs --network usb0 jetson-orin-nano-devkit internal'
    )
    assert (tool / "rootfs/etc/hostname").read_text() == "gate-7\n"
    assert (tool / "rootfs/opt/edgeferry-setup/payload/install.sh").stat().st_mode & 0o777 == 0o755
    assert flash_overlay(payload(), settings(), tool / "rootfs", say=str).result == "unchanged"


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    report = flash_overlay(payload(), settings(profile="jetson-nano"), tmp_path / "over", dry_run=True, say=str)
    assert report.commands[-1] == "sudo ./flash.sh jetson-nano-devkit mmcblk0p1"
    assert "+gate-7" in report.diff
    assert [secret for secret in SECRETS if secret in "\n".join(report.diff)] == []
    assert list(tmp_path.iterdir()) == []
    flash_overlay(payload(), settings(), tmp_path / "over.tar", say=str)
    report = flash_overlay(payload(), settings(hostname="other"), tmp_path / "over.tar", dry_run=True, say=str)
    assert report.diff == ("--- there/etc/hostname", "+++ flashed/etc/hostname", "@@ -1 +1 @@", "-gate-7", "+other")


def test_a_coral_board_is_told_its_own_way(tmp_path: Path) -> None:
    report = flash_overlay(payload(), settings(profile="coral-dev-board"), tmp_path / "o.tar", dry_run=True, say=str)
    assert any(line.startswith("mdt pushkey") for line in report.commands)
