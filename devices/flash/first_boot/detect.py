"""Which first-boot format an image reads, told from its boot partition alone: the root file system is not opened.

Sources: raspberrypi/rpi-imager doc/os_customisation_formats.md; RPi-Distro/pi-gen (issue.txt); raspberrypi/rpi-preseed
README.md. Imager itself guesses for local files, and guessed wrong for Trixie.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from contract.errors import ConfigError
from devices.flash.boot_files import BootFiles

FirstBoot = Literal["firstrun", "cloud-init", "rpi-preseed"]
_ISSUE = re.compile(r"Raspberry Pi reference (\d{4}-\d{2}-\d{2})")
_BOOKWORM = "2023-10-10"
"""The first image with NetworkManager; older ones read another Wi-Fi configuration."""
_LAST_FIRSTRUN = "2025-10-01"
"""The first Trixie image; the next ones came with cloud-init."""


class Detected(NamedTuple):
    """What was found."""

    kind: FirstBoot
    because: str
    """In words, to be said aloud."""


def is_boot_partition(boot: BootFiles) -> bool:
    """Whether a Raspberry Pi would start from it."""
    return boot.read("config.txt") is not None and boot.read("cmdline.txt") is not None


def detect(boot: BootFiles, *, where: str) -> Detected:
    """The format; ConfigError where the image shows none of them."""
    cmdline = (boot.read("cmdline.txt") or b"").decode(errors="replace")
    if boot.read("rpi-preseed.toml") is not None:
        return Detected("rpi-preseed", "there is an rpi-preseed.toml")
    if "rpi_preseed.config=" in cmdline:
        return Detected("rpi-preseed", "its kernel command line names rpi_preseed.config")
    if boot.read("user-data") is not None and boot.read("meta-data") is not None:
        return Detected("cloud-init", "there are user-data and meta-data")
    if "ds=nocloud" in cmdline:
        return Detected("cloud-init", "its kernel command line names the source nocloud")
    issue = _ISSUE.search((boot.read("issue.txt") or b"").decode(errors="replace"))
    if issue is not None and _BOOKWORM <= issue[1] <= _LAST_FIRSTRUN:
        return Detected("firstrun", f"it is Raspberry Pi OS of {issue[1]}, and has no user-data")
    if issue is not None and issue[1] < _BOOKWORM:
        raise ConfigError(
            f"it is Raspberry Pi OS of {issue[1]}, older than Bookworm",
            where=where,
            fix="Take a newer image.",
        )
    raise ConfigError(
        "nothing on its boot partition tells how it is set up at the first start",
        where=where,
        fix="Say it: --first-boot firstrun, cloud-init or rpi-preseed.",
    )
