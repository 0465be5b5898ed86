"""cloud-init's files, read by PyYAML and held against cloud-init's own schema from its Debian package."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from devices.flash.boot_folder import FolderFiles
from devices.flash.first_boot import cloud_init
from devices.flash.first_boot.start import Start
from devices.flash.first_boot.wifi import pre_shared_key
from devices.settings import Settings, Wifi
from tests.devices.flash.cards import CMDLINE, KEY, SECRETS, settings
from tests.devices.flash.first_boot.test_firstrun import ODD_NAMES


def written(given: Settings, folder: Path, identity: str = "0123") -> dict[str, bytes]:
    """The files, for a boot partition with a command line."""
    (folder / "cmdline.txt").write_text(f"{CMDLINE} ds=nocloud;i=rpi-imager-1\n")
    return cloud_init.files(Start(given, FolderFiles(folder), identity))


def unpacked(package: str, folder: Path) -> Path:
    """A Debian package's files, unpacked and not installed: cloud-init must not run on this machine."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        pytest.skip("not a Debian system")
    got = subprocess.run(["apt-get", "download", package], cwd=folder, capture_output=True, check=False, timeout=120)
    found = list(folder.glob("*.deb"))
    if got.returncode or not found:
        pytest.skip(f"the Debian package {package} cannot be fetched")
    subprocess.run(["dpkg-deb", "-x", found[0], folder / "files"], check=True)
    return folder / "files"


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """cloud-init's schema of user-data."""
    files = unpacked("cloud-init", tmp_path_factory.mktemp("cloud-init"))
    path = next(files.rglob("schema-cloud-config-v1.json"))
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"password_hash": None},
        {"user": ""},
        {"user": "", "ssh_authorized_keys": ()},
        {"timezone": None, "keymap": None},
    ],
)
def test_user_data_is_what_the_schema_allows(other: dict[str, Any], schema: dict[str, Any], tmp_path: Path) -> None:
    data = written(settings(**other), tmp_path)["user-data"]
    assert data.startswith(b"#cloud-config\n")
    jsonschema.validate(yaml.safe_load(data), schema)


def test_a_user_gets_his_key_and_the_payload_is_installed(tmp_path: Path) -> None:
    data = yaml.safe_load(written(settings(), tmp_path)["user-data"])
    assert data["user"]["ssh_authorized_keys"] == [KEY]
    assert (data["user"]["passwd"], data["user"]["sudo"], data["ssh_pwauth"]) == (SECRETS[1], None, False)
    assert data["hostname"] == "gate-7"
    assert data["runcmd"][-1] == ["sh", "/boot/firmware/edgeferry/arrange.sh", "start"]


def test_the_instance_is_new_with_each_change_and_named_in_both_places(tmp_path: Path) -> None:
    for identity in ("0123", "4567"):
        files = written(settings(), tmp_path, identity)
        assert yaml.safe_load(files["meta-data"])["instance-id"] == f"edgeferry-{identity}"
        assert files["cmdline.txt"].decode() == f"{CMDLINE} ds=nocloud;i=edgeferry-{identity}\n"


@pytest.mark.parametrize("name", [*ODD_NAMES, "del\x7f and \x85 and \ufeff", "yes", "1e3", "2024-01-01", "- a: b"])
@pytest.mark.parametrize("security", ["wpa2", "wpa3", "open"])
def test_any_network_is_read_back_as_it_is_called(name: str, security: str, tmp_path: Path) -> None:
    password = None if security == "open" else "a \\ pass'w\"ord: #x"
    wifi = Wifi(ssid=name, password=password, country="DE", security=security, hidden=True)  # type: ignore[arg-type]
    data = yaml.safe_load(written(settings(wifi=wifi), tmp_path)["network-config"])
    radio = data["network"]["wifis"]["wlan0"]
    assert list(radio["access-points"]) == [name]
    point = radio["access-points"][name]
    assert (point.pop("hidden"), radio["regulatory-domain"]) == (True, "DE")
    expected = {
        "open": {},
        "wpa2": {"password": pre_shared_key(wifi)},
        "wpa3": {"auth": {"key-management": "sae", "password": password}},
    }
    assert point == expected[security]


def test_netplan_makes_the_connection_of_it(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Netplan of Debian 12 (0.106) does not know `sae` yet, so this is WPA2."""
    program = next(unpacked("netplan.io", tmp_path_factory.mktemp("netplan")).rglob("libexec/netplan/generate"))
    library = next(unpacked("libnetplan0", tmp_path_factory.mktemp("libnetplan")).rglob("libnetplan.so.0.0"))
    wifi = settings().wifi
    assert wifi is not None
    config = tmp_path / "etc/netplan/50-cloud-init.yaml"
    config.parent.mkdir(parents=True)
    config.write_bytes(written(settings(), tmp_path)["network-config"])
    config.chmod(0o600)
    environment = {"LD_LIBRARY_PATH": str(library.parent)}
    subprocess.run([program, "--root-dir", tmp_path], env=environment, check=True, capture_output=True)
    made = (tmp_path / "run/netplan/wpa-wlan0.conf").read_text()
    assert f"psk={pre_shared_key(wifi)}" in made
    assert wifi.ssid in made or wifi.ssid.encode().hex() in made
