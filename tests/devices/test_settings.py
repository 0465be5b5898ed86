"""Settings: where they come from, what is refused, and what nobody is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contract.errors import ConfigError
from devices.settings import MASK, anchored, masked, read_settings, settings_from

GOOD: dict[str, Any] = {
    "device_id": "Gate_7.west",
    "profile": "rpi4",
    "broker": "mqtts://broker.example:8883",
    "publishers": ["/keys/publisher.pub"],
}


def test_the_host_name_is_made_from_the_id() -> None:
    assert settings_from(GOOD, where="test").host == "gate-7-west"
    assert settings_from({**GOOD, "hostname": "west"}, where="test").host == "west"


def test_paths_in_a_file_hang_on_the_file(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text('publishers = ["a.pub", "/b.pub"]\nca = "ca.pem"\ndevice_id = "a"\n')
    assert read_settings(tmp_path / "gate.toml") == {
        "publishers": [f"{tmp_path}/a.pub", "/b.pub"],
        "ca": f"{tmp_path}/ca.pem",
        "device_id": "a",
    }
    assert anchored({"camera": "clip.mp4"}, tmp_path) == {"camera": "clip.mp4"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"colour": "red"}, "colour"),
        ({"device_id": "a/b"}, "cannot name a device"),
        ({"profile": "rpi44"}, "no profile"),
        ({"publishers": []}, "no publisher's key"),
        ({"hostname": "-a"}, "no host name"),
        ({"user": "Root!"}, "no user's name"),
        ({"password_hash": "hunter2"}, "no hash of a password"),
        ({"device_key": "/k.pem"}, "belong together"),
        ({"ssh_authorized_keys": ["a\nb"]}, "one line"),
        ({"broker": "mqtt://user:hunter2@host"}, "no broker's address"),
        ({"wifi": {"ssid": "x", "country": "de"}}, "country"),
        ({"wifi": {"ssid": "ä" * 17, "country": "DE", "password": "hunter22"}}, "32 bytes"),
        ({"wifi": {"ssid": "x", "country": "DE"}}, "does not go with"),
        ({"wifi": {"ssid": "x", "country": "DE", "password": "hunter2"}}, "8 to 63"),
        ({"wifi": {"ssid": "x", "country": "DE", "password": "a" * 64, "security": "wpa3"}}, "8 to 63"),
    ],
)
def test_what_cannot_be_is_refused_and_no_secret_repeated(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        settings_from({**GOOD, **wrong}, where="form.csv:3")
    assert "hunter2" not in str(refused.value)


def test_the_key_made_from_a_password_serves_for_wpa2() -> None:
    wifi = {"ssid": "x", "country": "DE", "password": "0a" * 32}
    assert settings_from({**GOOD, "wifi": wifi}, where="test").wifi is not None


def test_secrets_are_not_shown() -> None:
    wifi = {"ssid": "x", "country": "DE", "password": "hunter22"}
    shown = masked(settings_from({**GOOD, "wifi": wifi, "password_hash": "$6$salt$hash"}, where="test"))
    assert shown.password_hash == MASK
    assert shown.wifi is not None
    assert shown.wifi.password == MASK
    assert "hunter22" not in repr(shown)
    assert masked(settings_from(GOOD, where="test")).password_hash is None
