"""The derived key, against the published test vectors (IEEE 802.11-2020, J.4.2)."""

from __future__ import annotations

import pytest

from devices.flash.first_boot.wifi import network_manager_keyfile, pre_shared_key
from devices.settings import Wifi


@pytest.mark.parametrize(
    ("password", "name", "key"),
    [
        ("password", "IEEE", "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"),
        ("ThisIsAPassword", "ThisIsASSID", "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af"),
    ],
)
def test_the_key_is_the_standard_s(password: str, name: str, key: str) -> None:
    assert pre_shared_key(Wifi(ssid=name, password=password, country="DE")) == key


def test_a_key_that_was_derived_already_stays() -> None:
    assert pre_shared_key(Wifi(ssid="x", password="AB" * 32, country="DE")) == "ab" * 32


def test_wpa3_and_open_networks_have_none() -> None:
    assert pre_shared_key(Wifi(ssid="x", password="12345678", country="DE", security="wpa3")) is None
    assert pre_shared_key(Wifi(ssid="x", country="DE", security="open")) is None


def test_spaces_in_front_of_a_password_survive() -> None:
    text = network_manager_keyfile(Wifi(ssid="x", password="  12345678", country="DE", security="wpa3"))
    assert "psk=\\s\\s12345678\n" in text
