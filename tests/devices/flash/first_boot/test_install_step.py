"""The scripts beside the payload, run by a real shell with a systemctl that writes down what it is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from devices.flash.first_boot.install_step import overlay_scripts, scripts


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A root folder with the scripts on its boot partition, and a payload that notes that it was installed."""
    for name, data in scripts().items():
        path = tmp_path / "boot" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.replace(b"/etc/", f"{tmp_path}/etc/".encode()))
    for folder in ("etc/systemd/system", "bin", "boot/edgeferry/payload"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "bin/systemctl").write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/told\n')
    (tmp_path / "bin/systemctl").chmod(0o755)
    (tmp_path / "boot/edgeferry/payload/install.sh").write_text(f"echo installed >> {tmp_path}/told\n")
    return tmp_path


def sh(card: Path, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one of them."""
    environment = {"PATH": f"{card}/bin:/usr/bin:/bin"}
    script = card / "boot/edgeferry" / name
    return subprocess.run(["sh", script, *words], env=environment, capture_output=True, text=True, check=False)


def test_arranging_enables_a_service_that_runs_the_script_where_it_lies(card: Path) -> None:
    assert sh(card, "arrange.sh", "start").returncode == 0
    unit = (card / "etc/systemd/system/edgeferry-first-boot.service").read_text()
    assert f"ExecStart=/bin/sh {card}/boot/edgeferry/first-boot.sh\n" in unit
    assert (card / "told").read_text().splitlines() == [
        "daemon-reload",
        "enable edgeferry-first-boot.service",
        "start --no-block edgeferry-first-boot.service",
    ]


def test_once_installed_the_keys_and_the_service_are_gone(card: Path) -> None:
    sh(card, "arrange.sh")
    assert sh(card, "first-boot.sh").returncode == 0
    assert (card / "told").read_text().splitlines()[-2:] == ["installed", "disable edgeferry-first-boot.service"]
    assert not (card / "boot/edgeferry").exists()
    assert list((card / "etc/systemd/system").iterdir()) == []


def test_what_fails_stays_to_be_tried_again(card: Path) -> None:
    (card / "boot/edgeferry/payload/install.sh").write_text("exit 3\n")
    assert sh(card, "first-boot.sh").returncode == 3
    assert (card / "boot/edgeferry/first-boot.sh").exists()


def test_an_overlay_has_the_same_service() -> None:
    files = overlay_scripts("/opt/edgeferry-setup")
    unit = files["etc/systemd/system/edgeferry-first-boot.service"].decode()
    assert "ExecStart=/bin/sh /opt/edgeferry-setup/first-boot.sh\n" in unit
    assert "Restart=on-failure\n" in unit
