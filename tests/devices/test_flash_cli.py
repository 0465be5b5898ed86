"""`edgeferry flash` as a person and as a program call it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import edgeferry
from tests.devices.conftest import Desk, NewDevice
from tests.devices.ssh_device import SshDevice
from tests.edge.tiny_bundle import PROFILE


def settings_file(desk: Desk) -> Path:
    """The desk's settings as a person writes them."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in desk.values.items() if name != "device_id"]
    path = desk.folder / "fleet.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def flash(desk: Desk, *options: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    return edgeferry("flash", desk.bundle, "--settings", settings_file(desk), *options, check=check)


def ssh(device: SshDevice) -> list[str]:
    return [word for option in device.ssh_options for word in ("--ssh-option", option)]


def test_one_device_is_set_up_and_a_second_time_nothing_changes(desk: Desk, new_ssh_device: NewDevice) -> None:
    device = new_ssh_device()
    options = ["--to", device.url, "--device-id", "gate-7", *ssh(device)]
    dry = flash(desk, *options, "--dry-run").stdout
    assert f"gate-7 ({device.url}):\n+ config/device.toml\n" in dry
    assert '    +device = "gate-7"\n' in dry
    assert not (device.files / "opt/edgeferry/current").exists()
    done = flash(desk, *options)
    assert done.stdout.startswith("gate-7: installed (ssh://")
    again = json.loads(flash(desk, *options, "--json").stdout)
    assert (again["device_id"], again["result"]) == ("gate-7", "unchanged")
    assert "nothing would change" in flash(desk, *options, "--dry-run").stdout


def test_a_dry_run_shows_no_secret(desk: Desk, new_ssh_device: NewDevice) -> None:
    device = new_ssh_device()
    (desk.folder / "wifi").write_text("hunter22\n")
    (desk.folder / "broker").write_text("hunter23\n")
    wifi = ["--wifi-ssid", "net", "--wifi-country", "DE", "--wifi-password-file", desk.folder / "wifi"]
    broker = ["--broker-username", "cam", "--broker-password-file", desk.folder / "broker"]
    options = ["--to", device.url, "--device-id", "a", *ssh(device), "--dry-run", *wifi, *broker]
    for done in (flash(desk, *options), flash(desk, *options, "--json")):
        assert "hunter2" not in done.stdout + done.stderr
        assert "config/broker-password" in done.stdout


def test_a_fleet_is_flashed_by_its_form_and_a_second_run_does_what_is_left(
    desk: Desk, new_ssh_device: NewDevice
) -> None:
    devices = [new_ssh_device() for _ in range(3)]
    known = "".join((device.folder / "known_hosts").read_text() for device in devices)
    for device in devices:
        (device.folder / "user.pub").write_text((devices[0].folder / "user.pub").read_text())
    (devices[0].folder / "known_hosts").write_text(known)
    form = desk.folder / "devices.csv"
    rows = [f"cam-{n},{device.url},{'broken' if n == 2 else 'synthetic:'}" for n, device in enumerate(devices, 1)]
    form.write_text("device_id,to,camera\n" + "\n".join(rows) + "\n")
    options = ["--csv", form, "--jobs", "2", *ssh(devices[0])]
    done = flash(desk, *options, check=False)
    assert done.returncode == 10
    assert "cam-1: installed\ncam-2: FAILED: the agent ends again and again" in done.stdout
    assert done.stdout.endswith("2 of 3 devices are done\n")
    assert "cam-3: the first frame was reported after" in done.stderr
    assert "[3/3] cam-" in done.stderr
    form.write_text(form.read_text().replace("broken", "synthetic:"))
    again = json.loads(flash(desk, *options, "--json").stdout)
    assert [verdict["result"] for verdict in again["devices"]] == ["done-before", "installed", "done-before"]


def test_a_wrong_row_stops_everything_before_the_first_device(desk: Desk) -> None:
    form = desk.folder / "devices.csv"
    form.write_text("device_id,to,profile\ncam-1,ssh://nowhere,\ncam-2,ssh://nowhere2,rpi44\n")
    done = flash(desk, "--csv", form, check=False)
    assert done.returncode == 2
    assert f"where: {form}:3, profile" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bundle_for_another_profile_is_refused_before_the_network_is_asked(desk: Desk) -> None:
    done = flash(desk, "--to", "ssh://nowhere.invalid", "--device-id", "a", "--profile", "rpi4", check=False)
    assert done.returncode == 6
    assert f"made for {PROFILE}, and a is a rpi4" in done.stderr


@pytest.mark.parametrize(
    ("to", "words"),
    [("floppy:a", "nowhere a device can be flashed"), ("image:a.img", "which system"), ("boot:", "behind the colon")],
)
def test_a_place_that_is_none_is_one_message(desk: Desk, to: str, words: str) -> None:
    done = flash(desk, "--to", to, "--device-id", "a", check=False)
    assert done.returncode == 2
    assert words in done.stderr


def test_an_overlay_is_written_once(desk: Desk) -> None:
    options = ["--to", f"overlay:{desk.folder / 'overlay.tar'}", "--device-id", "a"]
    assert "first.bundle" in flash(desk, *options, "--dry-run").stdout
    assert not (desk.folder / "overlay.tar").exists()
    assert json.loads(flash(desk, *options, "--json").stdout)["result"] == "installed"
    assert json.loads(flash(desk, *options, "--json").stdout)["result"] == "unchanged"
