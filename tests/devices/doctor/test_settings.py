"""`device.toml`, the machine it is for, and the files it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.doctor.finding import Finding
from devices.doctor.settings import file_findings, profile_finding, read_settings
from devices.keys import make_key
from tests.devices.doctor.planted import case_of, configured, settings


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("[camera]", "[camera]\ncolour = 1"), ":11: Object contains unknown field `colour`"),
        (("rpi4", "rpi44"), "no profile 'rpi44'"),
        (('fleet = "toys"', 'fleet = "to/ys"'), "fleet"),
        (("fleet", "fl[eet"), "device.toml"),
    ],
)
def test_a_wrong_configuration_is_bad_and_says_where(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    path = tmp_path / "device.toml"
    path.write_text(settings().replace(*change))
    config, finding = read_settings(path)
    assert config is None
    assert (finding.check, finding.status) == ("device.toml", "bad")
    assert words in finding.what
    assert finding.fix


def test_an_absent_configuration_is_bad(tmp_path: Path) -> None:
    config, finding = read_settings(tmp_path / "absent.toml")
    assert config is None
    assert "No such file" in finding.what


def test_a_good_configuration_says_who_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "device.toml").write_text(settings())
    config, finding = read_settings(tmp_path / "device.toml")
    assert config is not None
    assert finding.what == "toys/cam-1, a rpi4"


@pytest.mark.parametrize(
    ("board", "profile", "status"),
    [
        ("rpi4", "rpi4", "ok"),
        ("rpi4-coral-usb", "coral-usb", "ok"),
        ("rpi4-coral-usb", "rpi4", "ok"),
        ("rpi4", "rpi5", "warn"),
        ("rpi4", "coral-usb", "warn"),
        ("pc", "rpi4", "bad"),
    ],
)
def test_the_profile_must_suit_the_machine(tmp_path: Path, board: str, profile: str, status: str) -> None:
    assert profile_finding(configured(tmp_path, board, profile=profile)).status == status


def test_doubts_about_the_machine_are_told() -> None:
    finding = profile_finding(case_of("unknown-arm"))
    assert finding.status == "warn"
    assert "Radxa ROCK 5B" in finding.what


def test_a_machine_without_any_profile_is_bad(tmp_path: Path) -> None:
    assert profile_finding(case_of(tmp_path)).status == "bad"


def files(folder: Path, broker: str = 'url = "mqtt://localhost"') -> dict[str, Finding]:
    return {finding.check: finding for finding in file_findings(configured(folder, broker=broker))}


def test_a_pinned_key_is_named_by_its_id_and_a_missing_or_private_one_is_bad(tmp_path: Path) -> None:
    keyid = make_key(tmp_path / "publisher")
    assert keyid[:19] in files(tmp_path)["trust.publishers"].what
    (tmp_path / "publisher").replace(tmp_path / "publisher.pub")
    assert "not an Ed25519 public key" in files(tmp_path)["trust.publishers"].what
    (tmp_path / "publisher.pub").unlink()
    assert files(tmp_path)["trust.publishers"].status == "bad"


def test_secrets_that_others_may_read_are_a_doubt(tmp_path: Path) -> None:
    broker = 'url = "mqtts://b"\nkey_file = "device.key"\ncert_file = "device.crt"\npassword_file = "password"'
    for name, mode in (("device.key", 0o640), ("device.crt", 0o644), ("password", 0o600)):
        (tmp_path / name).write_text("-----BEGIN SOMETHING-----\n")
        (tmp_path / name).chmod(mode)
    found = files(tmp_path, broker)
    assert found["broker.key_file"].status == "warn"
    assert found["broker.key_file"].fix == f"chmod 600 {tmp_path / 'device.key'}"
    assert found["broker.cert_file"].status == "ok"
    assert found["broker.password_file"].status == "ok"


@pytest.mark.parametrize(
    ("content", "words"), [(None, "cannot be read"), ("", "is empty"), ("hello", "does not look like such a file")]
)
def test_a_certificate_that_is_none_is_bad(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "ca.crt").write_text(content)
    finding = files(tmp_path, 'url = "mqtts://b"\nca_file = "ca.crt"')["broker.ca_file"]
    assert finding.status == "bad"
    assert words in finding.what
