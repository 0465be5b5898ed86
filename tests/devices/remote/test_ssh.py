"""Addresses, and what is said when a host does not let us in: a real sshd each time."""

from __future__ import annotations

from typing import IO

import pytest

from contract.errors import ConfigError, LinkError, UpdateError
from devices.remote.ssh import Address, CutError, Ssh, address_of
from tests.broker import free_port
from tests.devices.conftest import NewDevice
from tests.devices.ssh_device import SshDevice


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ssh://pi@gate-7.local", Address("gate-7.local", "pi", None)),
        ("ssh://gate-7:2222", Address("gate-7", None, 2222)),
        ("ssh://root@[::1]:22", Address("::1", "root", 22)),
    ],
)
def test_an_address_is_taken_apart(text: str, address: Address) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize(
    "text", ["ssh://", "ssh://pi:secret@host", "ssh://host/path", "ssh://-oProxyCommand=x", "ssh://a:port", "http://a"]
)
def test_what_is_no_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ConfigError, match="no address to log in at") as refused:
        address_of(text)
    assert "secret" not in str(refused.value)


@pytest.fixture
def device(new_ssh_device: NewDevice) -> SshDevice:
    return new_ssh_device(venvs=None)


def ssh(device: SshDevice, **given: bool) -> Ssh:
    return Ssh(address_of(device.url), options=device.ssh_options, **given)


def test_lines_are_heard_as_they_come_and_input_arrives(device: SshDevice) -> None:
    heard: list[str] = []
    output = ssh(device).run("echo 'it''s me'; cat", feed=lambda pipe: _write(pipe, b"two\n"), say=heard.append)
    assert output == b"its me\ntwo\n"
    assert heard == ["its me", "two"]


def test_a_script_that_fails_is_told_by_its_last_word(device: SshDevice) -> None:
    with pytest.raises(UpdateError, match="no such luck"):
        ssh(device).run("echo first >&2; echo 'edgeferry: no such luck' >&2; exit 3")


def test_an_unknown_host_key_is_refused_unless_it_may_be_taken(device: SshDevice) -> None:
    known = device.folder / "known_hosts"
    known.unlink()
    with pytest.raises(ConfigError, match="host key is not known here"):
        ssh(device).run("true")
    assert not known.exists()
    ssh(device, accept_new_host_key=True).run("true")
    ssh(device).run("true")


def test_another_host_key_is_refused_even_so(device: SshDevice) -> None:
    kind, key, *_ = (device.folder / "user.pub").read_text().split()
    (device.folder / "known_hosts").write_text(f"[127.0.0.1]:{device.port} {kind} {key}\n")
    with pytest.raises(ConfigError, match="not the one that is known"):
        ssh(device, accept_new_host_key=True).run("true")


def test_a_key_nobody_knows_is_not_let_in_and_nobody_is_asked_for_a_password(device: SshDevice) -> None:
    (device.folder / "user.pub").write_text("")
    with pytest.raises(LinkError, match="does not let us in by key"):
        ssh(device).run("true")


def test_a_host_that_does_not_answer_is_named() -> None:
    with pytest.raises(LinkError, match="cannot be reached"):
        Ssh(address_of(f"ssh://root@127.0.0.1:{free_port()}")).run("true")


def test_a_connection_that_breaks_is_no_other_failure(device: SshDevice) -> None:
    with pytest.raises(CutError, match="the connection broke"):
        ssh(device).run("echo begun; sleep 60", say=lambda _: device.cut())


def test_a_killed_login_ends_at_once(device: SshDevice) -> None:
    login = ssh(device)
    with pytest.raises(CutError):
        login.run("echo begun; sleep 60", say=lambda _: login.kill())
    with pytest.raises(CutError, match="stopped"):
        login.run("true")


def _write(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(data)
