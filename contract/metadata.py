"""What a fleet's update repository and its devices agree on beyond TUF itself: our fields, file names and sizes.

The repository follows The Update Framework 1.0 (theupdateframework.github.io/specification) with consistent snapshots.
Bundles and deltas are targets named by their digest. Fields of ours begin with `x-edgeferry`; others ignore them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from contract.manifest import Digest

RoleName = Literal["root", "targets", "snapshot", "timestamp"]
SIGNED_AT = "x-edgeferry-signed-at"
"""In root and timestamp: RFC 3339, when it was signed. A device whose clock has stopped learns that this has passed."""
POLICY = "x-edgeferry"
"""In targets: a `Policy`."""
MOST_BYTES: dict[RoleName, int] = {"root": 64 << 10, "timestamp": 16 << 10, "snapshot": 64 << 10, "targets": 2 << 20}
"""No device reads more of a role. Two MiB of targets are some 11,000 files; checking them takes a device 55 MB."""


class Policy(Struct, frozen=True, kw_only=True):
    """What the keeper of the targets keys says beside the list of files."""

    security_floor: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    """Bundles of a lower security level are not installed."""
    revoked: tuple[Digest, ...] = ()
    """Bundles that must not be installed any more."""
