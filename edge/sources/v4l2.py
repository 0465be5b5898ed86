"""A camera that Linux knows as /dev/videoN: USB cameras, and CSI cameras through a V4L2 driver.

`/dev/video0?size=1280x720&fps=30` or `0?size=…`, both options optional. Read in a child process, because a driver that
hangs takes its reader along.
"""

from __future__ import annotations

import math
import stat
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec

from contract.errors import ConfigError, SourceError
from edge.sources.child import Asked, ChildSource
from edge.sources.raw import size_wh

_FIX = "Is another program using it? Are you in group video? Check its cable and power."


def open(text: str) -> ChildSource:
    """The camera `/dev/videoN` or `N`; SourceError when it is not there, ConfigError names a wrong option."""
    name, _, options = text.partition("?")
    device = f"/dev/video{name}" if name.isdigit() else name
    asked = _asked(device, options, where=text)
    if not Path(device).exists():
        known = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
        raise SourceError("there is no such camera", where=device, fix=f"Cameras on this machine: {known}.")
    if not stat.S_ISCHR(Path(device).stat().st_mode):
        raise SourceError("this is not a camera", where=device, fix="Name a device like /dev/video0.")
    return ChildSource(device, asked, fix=_FIX)


def _asked(device: str, options: str, *, where: str) -> Asked:
    asked = Asked(address=device, v4l2=True)
    for key, value in parse_qsl(options, keep_blank_values=True):
        if key == "size":
            fix = "Write size=WIDTHxHEIGHT, as the camera offers it."
            asked = msgspec.structs.replace(asked, size_wh=size_wh(value, where=where, fix=fix))
        elif key == "fps":
            asked = msgspec.structs.replace(asked, fps=_rate(value, where))
        else:
            raise ConfigError(f"there is no option {key!r}", where=where, fix="Options are size and fps.")
    return asked


def _rate(value: str, where: str) -> float:
    try:
        rate = float(value)
    except ValueError:
        rate = math.nan
    if not 0 < rate <= 1000:
        raise ConfigError(f"{value!r} is not a number of frames a second", where=where, fix="Write fps=30.")
    return rate
