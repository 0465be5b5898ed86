"""Pictures a device keeps, as the fleet asks for them: names a page at a time, files piece by piece.

Nothing is sent unasked, and only by devices whose `device.toml` says `[pictures] share = true`.
"""

from __future__ import annotations

import re

from msgspec import Struct

NAMES_AT_ONCE = 500
PIECE_BYTES = 512 * 1024
"""As base64 it fits into one message."""
LARGEST_BYTES = 32 << 20
"""A fleet asks for no more of one file."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(?:_[A-Za-z0-9.-]+)*\.(?:jpg|json)")
_LONGEST_NAME = 200


class KeptPicture(Struct, frozen=True, kw_only=True):
    """A `.jpg`; the result it was kept with has the same name and ends in `.json`."""

    name: str
    size_bytes: int


def is_kept_name(name: str) -> bool:
    """Whether a device may have given a file this name, which leads into no other folder on either side."""
    return len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None
