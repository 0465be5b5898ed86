"""`rpi-preseed.toml`, read by Python's TOML parser and by the rules of rpi-preseed's own reader."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from contract.errors import ConfigError
from devices.flash.boot_folder import FolderFiles
from devices.flash.first_boot import preseed
from devices.flash.first_boot.start import Start
from devices.flash.first_boot.wifi import pre_shared_key
from devices.settings import Settings, Wifi
from tests.devices.flash.cards import KEY, SECRETS, settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KNOWN = {
    "system": {"hostname"},
    "user": {"name", "password", "password_encrypted", "passwordless_sudo"},
    "ssh": {"enabled", "password_authentication", "authorized_keys"},
    "wlan": {"ssid", "ssid_hex", "password", "password_encrypted", "hidden", "country", "key_mgmt"},
    "locale": {"keymap", "timezone"},
    "runcmd": {"late"},
}
"""Of its schema, version 1.0."""


def written(given: Settings, folder: Path) -> str:
    """The file."""
    return preseed.files(Start(given, FolderFiles(folder), "0123"))[preseed.PATH].decode()


def test_everything_is_said_in_keys_of_its_schema(tmp_path: Path) -> None:
    data: dict[str, Any] = tomllib.loads(written(settings(), tmp_path))
    assert data.pop("config_version") == "1.0"
    assert {name: set(table) <= KNOWN[name] for name, table in data.items()} == dict.fromkeys(KNOWN, True)
    wifi = settings().wifi
    assert wifi is not None
    assert data["system"]["hostname"] == "gate-7"
    assert (data["user"]["name"], data["user"]["password"]) == ("ferry", SECRETS[1])
    assert data["ssh"]["authorized_keys"] == [KEY]
    assert bytes.fromhex(data["wlan"]["ssid_hex"]).decode() == wifi.ssid
    assert data["wlan"]["password"] == pre_shared_key(wifi)
    assert data["locale"] == {"keymap": "de", "timezone": "Europe/Berlin"}
    assert data["runcmd"]["late"] == ["sh /boot/firmware/edgeferry/arrange.sh start"]


def test_its_shell_reader_meets_no_escape_it_does_not_know(tmp_path: Path) -> None:
    text = written(settings(), tmp_path)
    assert set(re.findall(r"\\.", text)) <= {'\\"', "\\\\"}
    assert '"""' not in text
    assert all(line.count("[") == line.count("]") for line in text.splitlines())


@pytest.mark.parametrize("name", ["Home_5G", "a.b-c"])
def test_a_plain_name_is_written_as_it_is(name: str, tmp_path: Path) -> None:
    wifi = Wifi(ssid=name, password="12345678", country="DE", security="wpa3")
    table = tomllib.loads(written(settings(wifi=wifi), tmp_path))["wlan"]
    assert (table["ssid"], table["key_mgmt"], table["password"]) == (name, "sae", "12345678")


@pytest.mark.parametrize("name", ["52", "52;53", " x", "#x", "a\\b", "ü", "with space"])
def test_a_name_that_could_be_garbled_goes_as_digits(name: str, tmp_path: Path) -> None:
    table = tomllib.loads(written(settings(wifi=Wifi(ssid=name, country="DE", security="open")), tmp_path))["wlan"]
    assert "ssid" not in table
    assert bytes.fromhex(table["ssid_hex"]).decode() == name
    assert "password" not in table


@pytest.mark.parametrize("password", ["back\\slash1", " 12345678", "12345678 "])
def test_a_wpa3_password_that_would_be_garbled_is_refused_unseen(password: str, tmp_path: Path) -> None:
    wifi = Wifi(ssid="x", password=password, country="DE", security="wpa3")
    with pytest.raises(ConfigError, match="rpi-preseed garbles") as raised:
        written(settings(wifi=wifi), tmp_path)
    assert password not in str(raised.value)
