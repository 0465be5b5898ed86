"""Somebody with keys and a fresh update repository: what the tests of trust begin with."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from tuf.api.metadata import Metadata, Root, Targets

from contract.digest import digest_of, hex_of
from devices.keys import Signer, load_signer, make_key
from fleet.trust import ceremony
from fleet.trust.documents import read, to_bytes
from fleet.trust.folder import MetadataFolder
from fleet.trust.notary import Notary
from fleet.trust.offline import DAY_S, next_root, next_targets

NOW_S = time.time()


def target(content: bytes = b"bundle", kind: str = "bundle") -> dict[str, int]:
    """How a file with this content is listed."""
    return {f"{hex_of(digest_of(content))}.{kind}": len(content)}


class Office:
    """Three keys and a foreign one, and the folder that `trust init` makes with them."""

    def __init__(self, place: Path, *, root_days: float = 365.0, targets_days: float = 90.0) -> None:
        self.place = place
        for name in ("root", "targets", "online", "foreign"):
            make_key(place / f"{name}.key")
        self.folder = place / "metadata"
        self.held: dict[str, int] = target()
        days = {"root_days": root_days, "targets_days": targets_days}
        self.pinned = ceremony.begin(
            self.folder, [self.key("root")], self.key("targets"), [self.public("online")], **days
        )

    def key(self, name: str) -> Path:
        """A private key's file."""
        return self.place / f"{name}.key"

    def public(self, name: str) -> Path:
        """A public key's file."""
        return self.place / f"{name}.key.pub"

    def signer(self, name: str) -> Signer:
        """A private key."""
        return load_signer(self.key(name))

    def notary(self, *, key: str = "online", folder: MetadataFolder | None = None) -> Notary:
        """The server's part, as `fleet serve` makes it at its start."""
        return Notary(folder or MetadataFolder(self.folder), self.signer(key), self.held.get)

    def targets(self) -> Metadata[Targets]:
        """The first, empty list."""
        return read((self.folder / "1.targets.json").read_bytes(), Targets, where="test")

    def root(self) -> Metadata[Root]:
        """The first root."""
        return read(self.pinned.read_bytes(), Root, where="test")

    def listed(
        self,
        add: Mapping[str, int] | None = None,
        *,
        after: Metadata[Targets] | None = None,
        key: str = "targets",
        days: float = 90.0,
        floor: int | None = None,
    ) -> bytes:
        """A signed list that follows `after`, by default the first."""
        expires_s = NOW_S + days * DAY_S
        files = self.held if add is None else add
        return to_bytes(
            next_targets(after or self.targets(), self.signer(key), expires_s=expires_s, add=files, floor=floor)
        )

    def rooted(self, *keys: str, days: float = 365.0, after: Metadata[Root] | None = None, **chosen: str) -> bytes:
        """A root that follows `after`, signed by `keys`; `chosen` says whose the roles are from now on."""
        parts = {role: [self.public(name) for name in names.split()] for role, names in chosen.items()}
        roles = ceremony.root_keys(parts.get("root", []), parts.get("targets", []), parts.get("online", []))
        signers = [self.signer(key) for key in keys]
        return to_bytes(next_root(after or self.root(), roles, signers, now_s=NOW_S, expires_s=NOW_S + days * DAY_S))
