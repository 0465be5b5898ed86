"""What a device sees that looks at the metadata now: read from the folder, and told to people."""

from __future__ import annotations

import time
from typing import NamedTuple

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from contract.errors import ConfigError
from contract.metadata import RoleName
from contract.moments import rfc3339, unix_s
from fleet.answers import Trust, TrustRole
from fleet.trust.documents import Document, expiry_s, is_signed, policy_of, read
from fleet.trust.folder import MetadataFolder
from fleet.trust.names import TIMESTAMP, document_name

WARN_S = 30 * 86400.0
"""Root and targets are renewed by people, who want to hear of it a month before."""
_REMEDY = {
    "root": "edgeferry fleet trust extend --root-key FILE",
    "targets": "edgeferry fleet trust sign --targets-key FILE",
}


class Published(NamedTuple):
    """The current documents; the last two are missing until the server has signed once."""

    root: Metadata[Root]
    targets: Metadata[Targets]
    targets_file: bytes
    """As it is served: the snapshot names its digest."""
    snapshot: Metadata[Snapshot] | None = None
    timestamp: Metadata[Timestamp] | None = None

    def roles(self) -> tuple[TrustRole, ...]:
        """The documents there are, as answers."""
        found: dict[RoleName, Document | None] = {
            "root": self.root,
            "targets": self.targets,
            "snapshot": self.snapshot,
            "timestamp": self.timestamp,
        }
        return tuple(
            TrustRole(
                role=role,
                version=document.signed.version,
                expires=rfc3339(expiry_s(document)),
                keys=tuple(f"sha256:{keyid}" for keyid in self.root.signed.roles[role].keyids),
            )
            for role, document in found.items()
            if document is not None
        )

    def expiries_s(self) -> dict[str, float]:
        """When each document expires, by role, in seconds since 1970."""
        return {role.role: unix_s(role.expires) for role in self.roles()}

    def warnings(self, now_s: float) -> tuple[str, ...]:
        """What a person has to do soon, one sentence each."""
        left_s = {"root": expiry_s(self.root) - now_s, "targets": expiry_s(self.targets) - now_s}
        return tuple(_warning(role, left) for role, left in left_s.items() if left < WARN_S)


def describe(now: Published) -> Trust:
    """What the documents say by themselves, at this moment."""
    policy = policy_of(now.targets.signed, where="targets")
    return Trust(
        roles=now.roles(),
        listed=len(now.targets.signed.targets),
        security_floor=policy.security_floor,
        revoked=policy.revoked,
        warnings=now.warnings(time.time()),
    )


def load(folder: MetadataFolder) -> Published:
    """The newest root, and the targets the timestamp leads to, or the newest before there is one.

    ConfigError where the folder holds no metadata, or not all of it.
    """
    where = str(folder.path)
    root = read(_bytes(folder, document_name(folder.newest("root"), "root")), Root, where=where)
    if not is_signed(root, "root", root.signed):
        raise _damaged(folder, "the root is not signed by its own keys")
    snapshot, timestamp = _load_online(folder)
    version = snapshot.signed.meta["targets.json"].version if snapshot else folder.newest("targets")
    file = _bytes(folder, document_name(version, "targets"))
    targets = read(file, Targets, where=where)
    if not is_signed(targets, "targets", root.signed):
        raise _damaged(folder, f"targets version {version} are not signed by a key of the root")
    return Published(root, targets, file, snapshot, timestamp)


def _load_online(folder: MetadataFolder) -> tuple[Metadata[Snapshot], Metadata[Timestamp]] | tuple[None, None]:
    """What the server signed last; nothing in a folder that is fresh from `trust init`."""
    data, where = folder.read(TIMESTAMP), str(folder.path)
    if data is None:
        return None, None
    timestamp = read(data, Timestamp, where=where)
    name = document_name(timestamp.signed.snapshot_meta.version, "snapshot")
    return read(_bytes(folder, name), Snapshot, where=where), timestamp


def _bytes(folder: MetadataFolder, name: str) -> bytes:
    found = folder.read(name)
    if found is None:
        raise _damaged(folder, "it is empty" if name == document_name(0, "root") else f"there is no {name}")
    return found


def _damaged(folder: MetadataFolder, why: str) -> ConfigError:
    return ConfigError(
        f"this is no update repository's metadata: {why}",
        where=str(folder.path),
        fix="Make it: edgeferry fleet trust init",
    )


def _warning(role: str, left_s: float) -> str:
    if left_s <= 0:
        return f"the {role} metadata has expired, and devices with a pinned root take no update: {_REMEDY[role]}"
    return f"the {role} metadata expires in {left_s / 86400:.0f} days: {_REMEDY[role]}"
