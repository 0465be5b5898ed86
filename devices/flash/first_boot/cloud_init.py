"""cloud-init's NoCloud files, as Raspberry Pi OS Trixie and Ubuntu read them from the boot partition.

Written as JSON, which is YAML: a quoted string cannot be taken for a number, a comment or a date. Learnt upstream
(raspberrypi/rpi-imager): `user` in the singular keeps the groups of the image's own user, `sudo: null` must be said,
`enable_ssh` is no key, an instance id that is known already means that nothing is done.
"""

from __future__ import annotations

import json
import re
from typing import Any

from devices.flash.first_boot import cmdline
from devices.flash.first_boot.install_step import ARRANGE
from devices.flash.first_boot.start import Start
from devices.flash.first_boot.wifi import pre_shared_key
from devices.settings import Settings, Wifi

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""JSON allows them as they are, YAML 1.1 does not."""
_MOUNTED = "/boot/firmware"


def files(start: Start) -> dict[str, bytes]:
    """user-data, meta-data, network-config where there is Wi-Fi, and the command line that names this instance."""
    settings, instance = start.settings, f"edgeferry-{start.identity}"
    found = {
        "user-data": b"#cloud-config\n" + yaml(_user_data(settings)),
        "meta-data": yaml({"dsmode": "local", "instance-id": instance, "local-hostname": settings.host}),
    }
    if settings.wifi is not None:
        found["network-config"] = yaml(_network(settings.wifi))
    word = f"ds=nocloud;i={instance}"
    return found | {cmdline.PATH: cmdline.with_words(start.boot, [word], instead_of=["ds=nocloud"])}


def yaml(value: object) -> bytes:
    """JSON that YAML 1.1 reads as the same."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return (_UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n").encode()


def _user_data(settings: Settings) -> dict[str, Any]:
    data: dict[str, Any] = {"hostname": settings.host, "manage_etc_hosts": True}
    keys = list(settings.ssh_authorized_keys)
    if settings.user:
        data["user"] = _user(settings, keys)
    elif keys:
        data["ssh_authorized_keys"] = keys
    if settings.timezone is not None:
        data["timezone"] = settings.timezone
    if settings.keymap is not None:
        data["keyboard"] = {"layout": settings.keymap}
    ssh = [["systemctl", "enable", "--now", "ssh"]] if keys or settings.password_hash is not None else []
    data["ssh_pwauth"] = not keys and settings.password_hash is not None
    data["runcmd"] = [*ssh, ["sh", f"{_MOUNTED}/{ARRANGE}", "start"]]
    return data


def _user(settings: Settings, keys: list[str]) -> dict[str, Any]:
    """Without a password nobody could answer sudo's question, so then it asks none."""
    user: dict[str, Any] = {
        "name": settings.user,
        "shell": "/bin/bash",
        "lock_passwd": settings.password_hash is None,
        "sudo": None if settings.password_hash is not None else "ALL=(ALL) NOPASSWD:ALL",
    }
    if settings.password_hash is not None:
        user["passwd"] = settings.password_hash
    if keys:
        user["ssh_authorized_keys"] = keys
    return user


def _network(wifi: Wifi) -> dict[str, Any]:
    """Network configuration version 2 (netplan); the cable stays as it would be without this file."""
    point: dict[str, Any] = {}
    if wifi.security == "wpa2":
        point["password"] = pre_shared_key(wifi)
    elif wifi.security == "wpa3":
        point["auth"] = {"key-management": "sae", "password": wifi.password}
    if wifi.hidden:
        point["hidden"] = True
    radio = {
        "dhcp4": True,
        "optional": True,
        "regulatory-domain": wifi.country,
        "access-points": {wifi.ssid: point},
    }
    cable = {"dhcp4": True, "optional": True}
    return {"network": {"version": 2, "ethernets": {"eth0": cable}, "wifis": {"wlan0": radio}}}
