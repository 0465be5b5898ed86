"""The service, judged by systemd itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from devices.profiles import load_profile, profile_names
from devices.unit import service_unit, udev_rules

EXPOSURE_MAX = 2.5
"""Of 10, as `systemd-analyze security` counts; below 3 it says OK. The network and the camera are the rest."""


@pytest.fixture(params=profile_names())
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The service of each profile, with what the device fills in."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    text = service_unit(load_profile(request.param), ["device.toml", "device.key"]).decode()
    path = tmp_path / "edgeferry-agent.service"
    path.write_text(text.replace("@GROUPS@", "video"))
    return path


def test_systemd_understands_every_line_and_finds_little_to_attack(unit: Path) -> None:
    found = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False).stderr
    about = [line for line in found.splitlines() if unit.name in line and "is not executable" not in line]
    assert about == []
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    level = re.search(r"Overall exposure level for .*: ([0-9.]+)", judged)
    assert level is not None
    assert float(level[1]) <= EXPOSURE_MAX


def test_memory_devices_and_credentials_are_the_profiles() -> None:
    coral = service_unit(load_profile("coral-usb"), ["device.toml"]).decode()
    assert "MemoryMax=614M\n" in coral
    assert "DeviceAllow=char-apex rw\n" in coral
    assert "LoadCredential=device.toml:/opt/edgeferry/current/config/device.toml\n" in coral
    jetson = service_unit(load_profile("jetson-orin-jp6"), ["device.toml"]).decode()
    assert "DeviceAllow" not in jetson


def test_only_edge_tpus_need_rules() -> None:
    rules = udev_rules(load_profile("coral-usb"))
    assert rules is not None
    assert b"18d1" in rules
    assert udev_rules(load_profile("rpi5")) is None
