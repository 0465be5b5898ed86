"""The operating system's own settings at its first start: user, key, network, name, and then `install.sh`.

Three formats are alive on Raspberry Pi images, and a system silently ignores those it does not know, so the format is
read from the image (`detect.py`). Each has a file of its own, chosen in `files_for`.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.flash.first_boot import cloud_init, firstrun, preseed
from devices.flash.first_boot.detect import FirstBoot
from devices.flash.first_boot.start import Start

_WRITERS: dict[FirstBoot, Callable[[Start], dict[str, bytes]]] = {
    "firstrun": firstrun.files,
    "cloud-init": cloud_init.files,
    "rpi-preseed": preseed.files,
}


def files_for(kind: FirstBoot, start: Start) -> dict[str, bytes]:
    """Files of the boot partition by path, as they shall be; ConfigError for settings the format cannot say."""
    return _WRITERS[kind](start)
