"""What the agent and the process that judges metadata say to each other: one JSON object a line.

The agent writes a `Task`; the process answers with any number of `Want`, each followed by a `Reply`, and one `Verdict`.
Files do not go through the pipe but through a folder both know. Data only: neither side's work is here.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from msgspec import Struct, field

from contract.metadata import SIGNED_AT, RoleName
from contract.moments import unix_s
from edge.clock import Anchor

PINNED = "pinned.json"
"""In the shared folder: the root of trust from provisioning."""
FETCHED = "fetched.json"
"""In the shared folder: what the last `Reply` is about."""
_NAME = re.compile(r"(?:[0-9]{1,15}\.)?(root|timestamp|snapshot|targets)\.json")


def role_of(name: str) -> RoleName | None:
    """Which role a metadata file holds, by its name; None for a name that is none."""
    match = _NAME.fullmatch(name)
    return match[1] if match else None  # type: ignore[return-value]


class Task(Struct, frozen=True, kw_only=True):
    """Refresh the metadata and look a file up in it."""

    folder: str
    """Holds `PINNED` and the cache as python-tuf lays it out; it is changed."""
    file_name: str
    now_s: float
    """The time to judge by, unix seconds."""


class Want(Struct, frozen=True, kw_only=True, tag="want"):
    """Fetch this file of the repository into `FETCHED`. What was accepted so far is in the folder."""

    name: str
    at_most_bytes: int


class Reply(Struct, frozen=True, kw_only=True):
    """Whether the repository has it."""

    found: bool


class Role(Struct, frozen=True, kw_only=True):
    """One role's metadata."""

    name: str
    version: int
    expires_s: float
    signed_s: float = 0.0
    """0 where it does not say."""


class Target(Struct, frozen=True, kw_only=True):
    """What is signed about the file."""

    size_bytes: int
    sha256: str = ""
    """64 digits; empty where the metadata has none."""


class Verdict(Struct, frozen=True, kw_only=True, tag="verdict"):
    """What came of a task."""

    problem: Literal["", "refused", "expired"] = ""
    detail: str = ""
    """The problem in python-tuf's words."""
    anchor: Anchor = Anchor()
    """The newest root that is trusted, also after a problem."""
    roles: tuple[Role, ...] = ()
    """All four; after `expired` the one that is."""
    target: Target | None = None
    policy: Any = None
    """The targets role's `POLICY` field, as it stands there."""


class Keys(Struct, frozen=True):
    """Who signs a role."""

    keyids: tuple[str, ...]


class RootDocument(Struct, frozen=True, kw_only=True):
    """What of a root's `signed` part matters for time."""

    version: int
    roles: dict[str, Keys]
    expires: str
    signed_at: str = field(default="", name=SIGNED_AT)

    def anchor(self) -> Anchor:
        """Its word about time; ValueError where a moment in it is none."""
        signed_s = min(unix_s(self.signed_at), unix_s(self.expires)) if self.signed_at else 0.0
        keys = {key for name, role in self.roles.items() if name != "root" for key in role.keyids}
        return Anchor(version=self.version, signed_s=max(signed_s, 0.0), keys=tuple(sorted(keys)))
