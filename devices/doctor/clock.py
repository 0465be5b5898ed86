"""Whether the clock can be right, and whether anybody keeps it right.

A board without a battery wakes up in the past, where no certificate is valid yet. The kernel knows whether a time
service steers its clock (adjtimex(2): STA_UNSYNC), whichever service that is; reading it needs no rights.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Iterator

from devices.doctor.finding import Finding, bad, ok, warn

BUILT_YEAR = 2026
"""No release is older than this code; raised with the copyright."""
_STA_UNSYNC = 0x0040
_TIMEX_BYTES = 512
"""struct timex has 208 bytes on 64-bit Linux; more does no harm."""
_TIME_SERVICE = "Let systemd-timesyncd or chrony run, with a reachable server: timedatectl set-ntp true"


def clock_findings() -> Iterator[Finding]:
    """The year, and synchronisation."""
    yield year_finding(time.time())
    yield sync_finding(_status())


def year_finding(now: float) -> Finding:
    """`now` in unix seconds."""
    moment = time.gmtime(now)
    said = time.strftime("%Y-%m-%d %H:%M UTC", moment)
    if moment.tm_year < BUILT_YEAR:
        return bad("clock", f"it says {said}, before this program was written", _TIME_SERVICE)
    return ok("clock", f"it says {said}")


def sync_finding(status: int | None) -> Finding:
    """`status` as adjtimex gives it; None where the kernel does not say."""
    if status is None:
        return warn("time service", "the kernel does not say whether one steers the clock", _TIME_SERVICE)
    if status & _STA_UNSYNC:
        return warn("time service", "none has steered the clock lately, so it drifts", _TIME_SERVICE)
    return ok("time service", "the clock is steered")


def _status() -> int | None:
    """`timex.status` of adjtimex with modes = 0, which only reads."""
    timex = (ctypes.c_char * _TIMEX_BYTES)()
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "adjtimex") or library.adjtimex(timex) < 0:
        return None
    # struct timex: unsigned modes; long offset, freq, maxerror, esterror; int status (bits/timex.h)
    offset = 5 * ctypes.sizeof(ctypes.c_long)
    return int.from_bytes(bytes(timex)[offset : offset + 4], sys.byteorder)
