"""`firstrun.sh` is run by a real shell, with programs of a Raspberry Pi that write down what they are told."""

from __future__ import annotations

import configparser
import subprocess
from pathlib import Path

import pytest

from devices.flash.boot_folder import FolderFiles
from devices.flash.first_boot import firstrun
from devices.flash.first_boot.start import Start
from devices.flash.first_boot.wifi import pre_shared_key
from devices.settings import Settings, Wifi
from tests.devices.flash.cards import BOOKWORM, KEY, SECRETS, settings

ODD_NAMES = [
    "plain",
    "it's",
    'a "b" c',
    "  spaces  ",
    "#leading",
    "$(reboot)`x`",
    "back\\slash;semi",
    "日本 ☃ 😀",
    "52",
]
_RECORD = '#!/bin/sh\n{ printf %s "${0##*/}"; for word; do printf "\\037%s" "$word"; done; echo; } >> "$RECORD"\n'
_CONNECTION = "etc/NetworkManager/system-connections/edgeferry-wifi.nmconnection"


def started(root: Path, given: Settings) -> list[list[str]]:
    """Every call the script made, its absolute paths leading below `root`."""
    boot = root / "boot/firmware"
    for folder in ("boot/firmware", "bin", "usr/lib/raspberrypi-sys-mods", "usr/lib/userconf-pi", "var/log"):
        (root / folder).mkdir(parents=True)
    (root / _CONNECTION).parent.mkdir(parents=True)
    for name, text in BOOKWORM.items():
        (boot / name).parent.mkdir(exist_ok=True)
        (boot / name).write_text(text)
    stubs = (
        "bin/raspi-config",
        "bin/rfkill",
        "usr/lib/raspberrypi-sys-mods/imager_custom",
        "usr/lib/userconf-pi/userconf",
    )
    for stub in stubs:
        (root / stub).write_text(_RECORD)
        (root / stub).chmod(0o755)
    files = firstrun.files(Start(given, FolderFiles(boot), "0123"))
    script = files["firstrun.sh"].decode()
    for folder in ("/usr/lib/", "/etc/", "/var/log/"):
        script = script.replace(folder, f"{root}{folder}")
    (boot / "firstrun.sh").write_text(script)
    (boot / "cmdline.txt").write_bytes(files["cmdline.txt"])
    (boot / "edgeferry").mkdir()
    (boot / "edgeferry/arrange.sh").write_text(_RECORD)
    environment = {"PATH": f"{root}/bin:/usr/bin:/bin", "RECORD": str(root / "record")}
    subprocess.run(["sh", boot / "firstrun.sh"], env=environment, check=True, cwd="/")
    return [line.split("\037") for line in (root / "record").read_text().splitlines()]


def test_every_setting_reaches_its_program_as_one_word(tmp_path: Path) -> None:
    assert started(tmp_path, settings()) == [
        ["imager_custom", "set_hostname", "gate-7"],
        ["imager_custom", "enable_ssh", "-k", KEY],
        ["userconf", "ferry", SECRETS[1]],
        ["raspi-config", "nonint", "do_wifi_country", "DE"],
        ["rfkill", "unblock", "wifi"],
        ["imager_custom", "set_keymap", "de"],
        ["imager_custom", "set_timezone", "Europe/Berlin"],
        ["arrange.sh"],
    ]
    assert not (tmp_path / "boot/firmware/firstrun.sh").exists()
    assert (tmp_path / "boot/firmware/cmdline.txt").read_text() == BOOKWORM["cmdline.txt"]


def test_a_user_without_a_password_has_a_hash_that_fits_none(tmp_path: Path) -> None:
    assert ["userconf", "ferry", "*"] in started(tmp_path, settings(password_hash=None))


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("security", ["wpa2", "wpa3", "open"])
def test_network_manager_is_told_of_any_name(name: str, security: str, tmp_path: Path) -> None:
    password = None if security == "open" else "a \\ pass'w\"ord;$x"
    wifi = Wifi(ssid=name, password=password, country="DE", security=security, hidden=True)  # type: ignore[arg-type]
    started(tmp_path, settings(wifi=wifi))
    assert (tmp_path / _CONNECTION).stat().st_mode & 0o777 == 0o600
    keyfile = configparser.ConfigParser(interpolation=None, comment_prefixes=("#",), inline_comment_prefixes=None)
    keyfile.read(tmp_path / _CONNECTION)
    assert bytes(int(byte) for byte in keyfile["wifi"]["ssid"].rstrip(";").split(";")).decode() == name
    assert keyfile["wifi"]["hidden"] == "true"
    if security == "open":
        assert "wifi-security" not in keyfile
    elif security == "wpa3":
        assert keyfile["wifi-security"]["key-mgmt"] == "sae"
        assert keyfile["wifi-security"]["psk"].replace("\\\\", "\\") == password
    else:
        assert keyfile["wifi-security"]["psk"] == pre_shared_key(wifi)
