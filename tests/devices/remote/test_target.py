"""A device that runs is set up by ssh: once, again, and with everything that can go wrong on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.errors import ConfigError, UpdateError
from devices.changes import changes, is_text
from devices.payload import Payload
from devices.profiles import load_profile
from devices.remote.ssh import CutError, Ssh, address_of
from devices.remote.target import Outcome, fetch, flash_over_ssh, look
from tests.devices import small_agent, wheelhouse
from tests.devices.conftest import Desk, NewDevice
from tests.devices.ssh_device import SshDevice
from tests.edge.tiny_bundle import PROFILE

PATIENCE_S = 60.0


def login(device: SshDevice) -> Ssh:
    return Ssh(address_of(device.url), options=device.ssh_options)


def flash(
    device: SshDevice, payload: Payload, say: Callable[[str], None] = lambda _: None, *, wait_s: float = PATIENCE_S
) -> Outcome:
    return flash_over_ssh(payload, load_profile(PROFILE), login(device), wait_s=wait_s, say=say)


def stands(device: SshDevice) -> dict[str, str]:
    """Every file there is, environments left out; the agent's own state by name alone."""
    listed = device.run(
        "cd / && find opt etc/systemd var/tmp -path '*/venvs/*' -prune -o -name .lock -o -type f -exec sha256sum {} + "
        "-o -type l -printf '%l  %p\\n'; find var/lib -maxdepth 1 -printf 'there  %p\\n'"
    )
    return dict(reversed(line.split("  ", 1)) for line in listed.splitlines())


def soon(truth: Callable[[], bool]) -> bool:
    """Whether it comes true within the tests' patience."""
    deadline = time.monotonic() + PATIENCE_S
    while not truth():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_the_real_agent_is_installed_without_a_network_and_reports_a_frame(
    desk: Desk, new_ssh_device: NewDevice, tmp_path: Path
) -> None:
    device = new_ssh_device(venvs=None)
    wheels = wheelhouse.fill(tmp_path / "real", "onnxruntime", "opencv-python-headless")
    said: list[str] = []
    outcome = flash(device, desk.payload(wheelhouse=str(wheels), extras=["camera"]), said.append, wait_s=300)
    assert outcome.result == "installed"
    assert any(line.startswith("the first frame was reported after") for line in said)
    assert (device.files / "var/lib/edgeferry/slots.json").exists()


def test_doing_it_again_changes_nothing(desk: Desk, new_ssh_device: NewDevice) -> None:
    device, payload = new_ssh_device(), desk.payload()
    assert flash(device, payload) == Outcome("installed", payload.id)
    before = stands(device)
    said: list[str] = []
    assert flash(device, payload, said.append) == Outcome("unchanged", payload.id)
    assert said == []
    assert stands(device) == before
    assert look(login(device)).settled


def test_without_a_frame_in_time_a_new_device_is_as_before(desk: Desk, new_ssh_device: NewDevice) -> None:
    device = new_ssh_device()
    before = stands(device)
    with pytest.raises(UpdateError, match="no frame was reported within 2 s"):
        flash(device, desk.payload(camera="blind"), wait_s=2)
    assert stands(device) == before
    assert look(login(device)).current == ""


def test_an_agent_that_ends_again_and_again_gives_way_to_the_one_before(desk: Desk, new_ssh_device: NewDevice) -> None:
    device, good = new_ssh_device(), desk.payload()
    flash(device, good)
    before = stands(device)
    with pytest.raises(UpdateError, match=r"again and again.*the camera is broken"):
        flash(device, desk.payload(camera="broken"))
    assert stands(device) == before
    assert look(login(device)) == look(login(device))._replace(current=good.id, settled=True)


def test_a_connection_cut_while_files_are_sent_leaves_the_device_as_before(
    desk: Desk, new_ssh_device: NewDevice, tmp_path: Path
) -> None:
    device = new_ssh_device()
    before = stands(device)
    wheels = small_agent.fill(tmp_path / "wheels")
    with (wheels / "padding-1-py3-none-any.whl").open("wb") as padding:
        padding.truncate(600_000_000)  # So that the cut comes long before its end.
    tmp = device.files / "var/tmp"

    def cut_when_begun() -> None:
        assert soon(lambda: any(tmp.glob("edgeferry.*/*")))
        device.cut()

    cutting = threading.Thread(target=cut_when_begun)
    cutting.start()
    with pytest.raises(CutError, match="the connection broke"):
        flash(device, desk.payload(wheelhouse=str(wheels)))
    cutting.join()
    assert soon(lambda: stands(device) == before)


def test_a_connection_cut_while_a_frame_is_waited_for_leaves_the_device_as_before(
    desk: Desk, new_ssh_device: NewDevice
) -> None:
    device, good = new_ssh_device(), desk.payload()
    flash(device, good)
    before = stands(device)

    def cut(line: str) -> None:
        if line.startswith("waiting"):
            device.cut()

    with pytest.raises(CutError, match="keeps what it had unless"):
        flash(device, desk.payload(camera="blind"), cut)
    assert soon(lambda: stands(device) == before)
    assert soon(lambda: look(login(device)).settled)


@pytest.mark.parametrize(("place", "size"), [("opt", "64k"), ("var/tmp", "1m")])
def test_a_full_disk_is_one_sentence_and_the_device_as_before(
    desk: Desk, new_ssh_device: NewDevice, place: str, size: str
) -> None:
    device = new_ssh_device(small={place: size}, venvs=None)
    before = stands(device)
    with pytest.raises(UpdateError, match="the disk is full"):
        flash(device, desk.payload())
    assert stands(device) == before


def test_another_architecture_is_refused_before_anything_is_sent(desk: Desk, new_ssh_device: NewDevice) -> None:
    device = new_ssh_device()
    profile = load_profile("rpi5")
    with pytest.raises(ConfigError, match="and rpi5 is aarch64"):
        flash_over_ssh(desk.payload(), profile, login(device), wait_s=1, say=lambda _: None)


def test_what_would_change_is_told_line_by_line(desk: Desk, new_ssh_device: NewDevice) -> None:
    device = new_ssh_device()
    flash(device, desk.payload(site="hall"))
    present = fetch(login(device), as_root=False, names=is_text)
    (change,) = changes(desk.payload(site="yard"), present)
    assert (change.path, change.change) == ("config/device.toml", "changed")
    assert change.diff.splitlines() == ['-site = "hall"', '+site = "yard"']
