"""Images as a Raspberry Pi would start from, made and read back with tools of others."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from devices.payload import Payload, PayloadFile
from devices.settings import Settings, Wifi

START_BYTES = 8192 * 512
TOOLS = ("sfdisk", "mkfs.vfat", "fsck.vfat", "mkfs.ext4", "mcopy", "mdir", "mmd")
needs_tools = pytest.mark.skipif(
    not all(shutil.which(tool, path="/usr/bin:/usr/sbin:/bin:/sbin") for tool in TOOLS),
    reason="needs dosfstools, mtools, e2fsprogs, fdisk",
)
CMDLINE = "console=serial0,115200 console=tty1 root=PARTUUID=1234abcd-02 rootfstype=ext4 fsck.repair=yes rootwait quiet"
BOOKWORM = {
    "config.txt": "arm_64bit=1\n",
    "cmdline.txt": f"{CMDLINE} init=/usr/lib/raspberrypi-sys-mods/firstboot\n",
    "issue.txt": "Raspberry Pi reference 2024-11-19\nGenerated using pi-gen, stage2\n",
    "overlays/README": "many overlays\n",
}
TRIXIE = {
    "config.txt": "arm_64bit=1\n",
    "cmdline.txt": f"{CMDLINE}\n",
    "issue.txt": "Raspberry Pi reference 2025-12-04\nGenerated using pi-gen, stage2\n",
    "user-data": "#cloud-config\n# hostname: raspberrypi\n",
    "meta-data": "dsmode: local\ninstance_id: rpios-image\n",
    "network-config": "# nothing yet\n",
}
PRESEED = {
    "config.txt": "arm_64bit=1\n",
    "cmdline.txt": f"{CMDLINE}\n",
    "rpi-preseed.toml": 'config_version = "1.0"\n',
}
SECRETS = ("wifi pass 'w\"ord", "$6$saltsalt$KzP0aXhKjjj1JpTbWcQq0", "broker-secret", "PRIVATE KEY BYTES")
KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3o it\'s "me" $(id) `id`'


def run(*command: object, text: str | None = None) -> str:
    """Standard output of a tool; a failure shows its words."""
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def make_image(
    path: Path, files: Mapping[str, str], *, boot_mib: int = 40, table: str = "dos", per_cluster: int = 1
) -> Path:
    """A boot partition with `files` and an ext4 behind it."""
    kinds = ("c", "83") if table == "dos" else ("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "L")
    with path.open("wb") as file:
        file.truncate(START_BYTES + (boot_mib + 6) * 2**20)
    layout = f"label: {table}\nstart=8192, size={boot_mib}MiB, type={kinds[0]}\nsize=4MiB, type={kinds[1]}\n"
    run("sfdisk", "--quiet", path, text=layout)
    volume = path.with_suffix(".fat")
    with volume.open("wb") as file:
        file.truncate(boot_mib * 2**20)
    run("mkfs.vfat", "-F", "32", "-s", per_cluster, "-i", "12345678", "-n", "BOOTFS", volume)
    for name, text in files.items():
        if "/" in name:
            run("mmd", "-i", volume, f"::{name.split('/')[0]}")
        beside = path.with_suffix(".file")
        beside.write_text(text)
        run("mcopy", "-i", volume, beside, f"::{name}")
        beside.unlink()
    with path.open("r+b") as image:
        image.seek(START_BYTES)
        image.write(volume.read_bytes())
    volume.unlink()
    root = START_BYTES + boot_mib * 2**20
    run("mkfs.ext4", "-q", "-E", f"offset={root}", path, "4m")
    return path


def boot_of(image: Path) -> str:
    """As mtools names its first partition."""
    return f"{image}@@{START_BYTES}"


def read(image: Path, name: str) -> bytes:
    """A file of the boot partition, read by mtools."""
    return subprocess.run(["mcopy", "-i", boot_of(image), f"::{name}", "-"], capture_output=True, check=True).stdout


def check(image: Path) -> None:
    """`fsck.vfat` finds nothing to mend."""
    volume = image.with_suffix(".check")
    size = int(run("sfdisk", "--json", image).split('"size": ')[1].split(",")[0].split("\n")[0])
    with image.open("rb") as whole, volume.open("wb") as part:
        whole.seek(START_BYTES)
        part.write(whole.read(size * 512))
    run("fsck.vfat", "-n", volume)
    volume.unlink()


def payload(extra: Mapping[str, bytes] | None = None) -> Payload:
    """What a device is handed, small."""
    files = {
        "config/broker-password": PayloadFile(SECRETS[2].encode(), 0o600),
        "config/device.key": PayloadFile(SECRETS[3].encode(), 0o600),
        "config/device.toml": PayloadFile(b'fleet = "berlin"\n', 0o600),
        "first.bundle": PayloadFile(bytes(range(256)) * 800),
        "install.sh": PayloadFile(b"#!/bin/sh\nexit 0\n", 0o755),
        "wheels/ai_edge_litert-2.3.0+x-cp311-cp311-manylinux_2_27_aarch64.whl": PayloadFile(b"PK" * 5000),
    }
    files |= {name: PayloadFile(data) for name, data in (extra or {}).items()}
    sums = "".join(f"{hashlib.sha256(b''.join(f.chunks())).hexdigest()}  {name}\n" for name, f in files.items())
    files["SHA256SUMS"] = PayloadFile(sums.encode())
    return Payload(files, frozenset(("config/broker-password", "config/device.key")))


def settings(**other: object) -> Settings:
    """One device with everything set."""
    values: dict[str, object] = {
        "device_id": "gate-7",
        "profile": "rpi4",
        "broker": "mqtts://broker.example:8883",
        "user": "ferry",
        "ssh_authorized_keys": (KEY,),
        "password_hash": SECRETS[1],
        "wifi": Wifi(ssid="Café \"5\" 'x' #1; $(id) \\ ☃", password=SECRETS[0], country="DE", hidden=True),
        "timezone": "Europe/Berlin",
        "keymap": "de",
    }
    return Settings(**(values | other))  # type: ignore[arg-type]
