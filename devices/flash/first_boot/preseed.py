"""`rpi-preseed.toml`, which the newest Raspberry Pi images read (raspberrypi/rpi-preseed, schema and src/lib/toml.sh).

Its reader is a shell script that knows a part of TOML: one-line strings, and in them no escapes but the backslash's and
the quote's own. It copies names and passwords unescaped into NetworkManager's file, so whatever that would misread goes
as hexadecimal digits, or is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from contract.errors import ConfigError
from devices.flash.first_boot.install_step import ARRANGE
from devices.flash.first_boot.start import Start
from devices.flash.first_boot.wifi import pre_shared_key
from devices.settings import Wifi

PATH = "rpi-preseed.toml"
_VERSION = "1.0"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]*[A-Za-z._-][A-Za-z0-9._-]*")
"""Names NetworkManager cannot take for a list of bytes, and no reader can garble."""
_NO_PASSWORD = "*"  # nosec B105  # says that none opens it
_KEY_MANAGEMENT = {"wpa2": "wpa-psk", "wpa3": "sae", "open": "none"}
_Value: TypeAlias = "str | bool | Sequence[str]"


def files(start: Start) -> dict[str, bytes]:
    """The one file. ConfigError for a WPA3 password the reader would garble."""
    settings = start.settings
    tables: dict[str, dict[str, _Value]] = {"system": {"hostname": settings.host}}
    if settings.user:
        tables["user"] = {
            "name": settings.user,
            "password": settings.password_hash or _NO_PASSWORD,
            "password_encrypted": True,  # nosec B105  # says that it is a hash
            "passwordless_sudo": settings.password_hash is None,
        }
    keys = settings.ssh_authorized_keys
    if keys or settings.password_hash is not None:
        tables["ssh"] = {"enabled": True, "password_authentication": not keys, "authorized_keys": keys}
    if settings.wifi is not None:
        tables["wlan"] = _wlan(settings.wifi)
    local = {"keymap": settings.keymap, "timezone": settings.timezone}
    if given := {name: value for name, value in local.items() if value is not None}:
        tables["locale"] = dict(given)
    tables["runcmd"] = {"late": [f"sh /boot/firmware/{ARRANGE} start"]}
    return {PATH: _toml(tables, start.identity)}


def _wlan(wifi: Wifi) -> dict[str, _Value]:
    table: dict[str, _Value] = {"country": wifi.country, "hidden": wifi.hidden}
    table["key_mgmt"] = _KEY_MANAGEMENT[wifi.security]
    if _PLAIN_NAME.fullmatch(wifi.ssid):
        table["ssid"] = wifi.ssid
    else:
        table["ssid_hex"] = wifi.ssid.encode().hex()
    if wifi.security == "wpa2":
        table["password"] = pre_shared_key(wifi) or ""
        table["password_encrypted"] = True
    elif wifi.password is not None:
        if "\\" in wifi.password or wifi.password != wifi.password.strip():
            raise ConfigError(
                "rpi-preseed garbles a WPA3 password with a backslash, or with a space at either end",
                where="wifi.password",
                fix="Change it, or take an image with another first-boot format.",
            )
        table["password"] = wifi.password
    return table


def _toml(tables: Mapping[str, Mapping[str, _Value]], identity: str) -> bytes:
    lines = [f"# Written by edgeferry, {identity}", f'config_version = "{_VERSION}"']
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {_text(value)}" for key, value in table.items())]
    return ("\n".join(lines) + "\n").encode()


def _text(value: _Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return f"[{', '.join(map(_text, value))}]"
