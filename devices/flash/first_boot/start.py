"""What a first-boot format is told: one struct, the same for all of them."""

from __future__ import annotations

from typing import NamedTuple

from devices.flash.boot_files import BootFiles
from devices.settings import Settings


class Start(NamedTuple):
    """The first start of one device."""

    settings: Settings
    boot: BootFiles
    """As it is before anything is written."""
    identity: str
    """Of everything that is flashed: another one tells a system that has started already to begin anew."""
