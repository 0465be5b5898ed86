"""`install.sh` by itself: a device that is a folder, a real environment made without a network."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.devices.conftest import Desk, unpack
from tests.devices.folder_device import Device

INSTALL = ROOT / "devices/install/install.sh"


@pytest.fixture
def device(tmp_path: Path, small_venvs: Path) -> Device:
    """It has the environment already, so that not every test takes the time to make one."""
    return Device(tmp_path / "device", small_venvs)


@pytest.fixture
def new_device(tmp_path: Path) -> Device:
    """It has nothing."""
    return Device(tmp_path / "device")


def test_the_scripts_are_clean() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    subprocess.run(["shellcheck", INSTALL], check=True)
    receive = ROOT / "devices/remote/receive.sh"
    subprocess.run(["shellcheck", "--shell=sh", "--exclude=SC2154", receive], check=True)  # wait_s comes before it


def test_it_installs_without_a_network_and_a_second_time_changes_nothing(
    desk: Desk, new_device: Device, tmp_path: Path
) -> None:
    device = new_device
    payload = desk.payload()
    folder = unpack(payload, tmp_path / "payload")
    said = device.install(folder).stdout
    assert said.splitlines()[-1] == f"edgeferry: installed: {payload.id} serves"
    current = device.opt / "current"
    assert (current / "config").stat().st_mode & 0o777 == 0o700
    assert (current / "config/device.toml").stat().st_mode & 0o777 == 0o600
    assert not (current / "wheels").exists()
    subprocess.run([current / "venv/bin/edgeferry", "--version"], check=True)
    before = device.files()
    assert device.install(folder).stdout == f"edgeferry: unchanged: {payload.id} serves already\n"
    assert device.files() == before


def test_the_profiles_bad_versions_are_not_installed(desk: Desk, device: Device, tmp_path: Path) -> None:
    device.install(unpack(desk.payload(), tmp_path / "payload"))
    asked = [device.opt / "current/venv/bin/python", "-c", "import onnxruntime; print(onnxruntime.version)"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "1.20.0\n"


def test_only_groups_that_are_there_are_asked_for(desk: Desk, device: Device, tmp_path: Path) -> None:
    device.install(unpack(desk.payload(), tmp_path / "payload"))
    unit = (device.root / "etc/systemd/system/edgeferry-agent.service").read_text()
    assert "SupplementaryGroups=video plugdev \n" in unit
    wanted = device.root / "etc/systemd/system/multi-user.target.wants/edgeferry-agent.service"
    assert wanted.resolve() == device.root / "etc/systemd/system/edgeferry-agent.service"


def test_an_upgrade_shares_the_environment_and_keeps_one_version_to_go_back_to(
    desk: Desk, device: Device, tmp_path: Path
) -> None:
    ids = []
    for site in ("hall", "yard", "roof"):
        payload = desk.payload(site=site)
        device.install(unpack(payload, tmp_path / site))
        ids.append(payload.id)
    assert sorted(path.name for path in (device.opt / "versions").iterdir()) == sorted(ids[1:])
    assert (device.opt / "current").readlink() == Path("versions") / ids[2]
    assert (device.opt / "previous").readlink() == Path("versions") / ids[1]
    assert len(list((device.opt / "venvs").iterdir())) == 1


def test_a_damaged_payload_changes_nothing(desk: Desk, new_device: Device, tmp_path: Path) -> None:
    device = new_device
    folder = unpack(desk.payload(), tmp_path / "payload")
    (folder / "first.bundle").write_bytes(b"something else")
    before = device.files()
    done = device.install(folder, check=False)
    assert done.returncode == 1
    assert "damaged or incomplete" in done.stderr
    assert device.files() == before
    assert not device.opt.exists()


def test_packages_that_cannot_be_installed_leave_the_device_as_it_was(
    desk: Desk, device: Device, tmp_path: Path
) -> None:
    device.install(unpack(desk.payload(), tmp_path / "good"))
    before = device.files()
    done = device.install(unpack(desk.payload(packages=["not-there"]), tmp_path / "bad"), check=False)
    assert done.returncode == 1
    first_line, farewell = done.stderr.splitlines()
    assert "the packages cannot be installed" in first_line
    assert "not-there" in first_line
    assert farewell == "edgeferry: the device is as it was before"
    assert device.files() == before


def test_a_first_installation_that_fails_leaves_nothing(desk: Desk, new_device: Device, tmp_path: Path) -> None:
    folder = unpack(desk.payload(packages=["not-there"]), tmp_path / "bad")
    assert new_device.install(folder, check=False).returncode == 1
    assert not new_device.opt.exists()


def test_an_interrupted_environment_is_made_anew(desk: Desk, device: Device, tmp_path: Path) -> None:
    folder = unpack(desk.payload(), tmp_path / "payload")
    device.install(folder)
    (environment,) = (device.opt / "venvs").iterdir()
    (environment / "complete").unlink()
    (environment / "bin/edgeferry").unlink()
    (device.opt / "current/confirmed").unlink()
    device.install(folder)
    assert (environment / "bin/edgeferry").exists()


def test_a_python_that_is_too_old_is_named(desk: Desk, device: Device, tmp_path: Path) -> None:
    (device.tools / "python3").unlink()
    (device.tools / "python3").write_text('#!/bin/sh\ncase "$2" in *print*) echo 3.9 ;; *) exit 1 ;; esac\n')
    (device.tools / "python3").chmod(0o755)
    done = device.install(unpack(desk.payload(), tmp_path / "payload"), check=False)
    assert "Python 3.10 or later is needed, and this is 3.9" in done.stderr


@pytest.mark.parametrize("purge", [False, True])
def test_it_can_be_taken_away_again(desk: Desk, device: Device, tmp_path: Path, purge: bool) -> None:
    device.install(unpack(desk.payload(), tmp_path / "payload"))
    (device.root / "var/lib/edgeferry").mkdir(parents=True)
    (device.root / "var/lib/edgeferry/outbox.db").write_text("kept")
    device.install(device.opt / "current", "--remove", *(["--purge"] if purge else []))
    left = {name for name in device.files() if not name.startswith("etc/group")}
    assert left == (set() if purge else {"var/lib/edgeferry/outbox.db"})
