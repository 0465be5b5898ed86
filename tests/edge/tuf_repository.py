"""A TUF repository in a folder, with every key at hand, so that it can be honest or behave as any thief would.

Documents are plain python-tuf objects: change them, `write` them with whatever keys, and serve the folder.
"""

from __future__ import annotations

import copy
import hashlib
import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from contract.metadata import SIGNED_AT
from contract.moments import rfc3339, unix_s

DAY_S = 86_400.0
MAY = unix_s("2026-05-01T12:00:00Z")
"""When everything is signed, unless a test says otherwise."""
LIFE_S = {"root": 365 * DAY_S, "targets": 90 * DAY_S, "snapshot": 7 * DAY_S, "timestamp": DAY_S}
Document = Root | Targets | Snapshot | Timestamp


def new_key() -> CryptoSigner:
    return CryptoSigner.generate_ed25519()


class TufRepository:
    """One key a role. `at_s` is the repository's own time. The first `publish` makes version 2."""

    def __init__(self, folder: Path, *, at_s: float = MAY, consistent: bool = True) -> None:
        self.folder, self.at_s = folder, at_s
        folder.mkdir(exist_ok=True)
        self.keys = {role: [new_key()] for role in LIFE_S}
        self.root = Root(version=1, consistent_snapshot=consistent)
        for role, keys in self.keys.items():
            self.root.add_key(keys[0].public_key, role)
        self.targets, self.snapshot, self.timestamp = Targets(), Snapshot(), Timestamp()
        self.write("root")

    @property
    def pinned(self) -> Path:
        """What provisioning gives a device."""
        return self.folder / "1.root.json"

    def copy_to(self, folder: Path) -> TufRepository:
        """The same repository in another folder, to be changed there."""
        twin = copy.copy(self)
        twin.folder = Path(shutil.copytree(self.folder, folder))
        twin.keys = {role: list(keys) for role, keys in self.keys.items()}
        for name in ("root", "targets", "snapshot", "timestamp"):
            setattr(twin, name, copy.deepcopy(getattr(self, name)))
        return twin

    def add(self, file_name: str, *, size_bytes: int = 1000, sha256: str | None = None) -> None:
        """List a file, by default with the digest its name says."""
        hashes = {"sha256": file_name.split(".")[0] if sha256 is None else sha256}
        self.targets.targets[file_name] = TargetFile(size_bytes, hashes, file_name)

    def publish(self, *, step: int = 1) -> None:
        """Sign everything but the root anew, `step` versions on."""
        for role in ("targets", "snapshot", "timestamp"):
            self.document(role).version += step - 1
        self.targets.version += 1
        self.write("targets")
        self.write_snapshot()

    def write_snapshot(self) -> None:
        """The next one, over the targets as they are in the folder, and the next timestamp."""
        self.snapshot.version += 1
        self.snapshot.meta = {"targets.json": self.meta_of("targets")}
        self.write("snapshot")
        self.write_timestamp()

    def write_timestamp(self) -> None:
        """The next one, over the snapshot as it is in the folder."""
        self.timestamp.version += 1
        self.timestamp.snapshot_meta = self.meta_of("snapshot")
        self.write("timestamp")

    def publish_root(self, also_signed_by: Sequence[CryptoSigner] = ()) -> None:
        """The next version, signed by the root's keys and those before."""
        self.root.version += 1
        self.write("root", [*self.keys["root"], *also_signed_by])

    def replace_key(self, role: str) -> CryptoSigner:
        """A new root in which `role` has another key; the old one."""
        old = self.keys[role][0]
        self.root.revoke_key(old.public_key.keyid, role)
        self.keys[role] = [new_key()]
        self.root.add_key(self.keys[role][0].public_key, role)
        self.publish_root(also_signed_by=[old] if role == "root" else [])
        return old

    def document(self, role: str) -> Document:
        found: Document = getattr(self, role)
        return found

    def write(self, role: str, keys: Sequence[CryptoSigner] | None = None, *, dated: bool = True) -> Path:
        """Date and sign one document, by its own keys unless told otherwise, under the name it is asked for by."""
        document = self.document(role)
        if dated:
            document.unrecognized_fields[SIGNED_AT] = rfc3339(self.at_s)
            ends_s = self.at_s + LIFE_S[role]
            document.expires = datetime.fromtimestamp(ends_s, timezone.utc)
        signed: Metadata[Document] = Metadata(document)
        for key in self.keys[role] if keys is None else keys:
            signed.sign(key, append=True)
        path = self.path(role)
        path.write_bytes(signed.to_bytes())
        return path

    def path(self, role: str) -> Path:
        """Where the newest version of a role is."""
        versioned = role == "root" or (self.root.consistent_snapshot and role != "timestamp")
        return self.folder / (f"{self.document(role).version}.{role}.json" if versioned else f"{role}.json")

    def meta_of(self, role: str) -> MetaFile:
        data = self.path(role).read_bytes()
        return MetaFile(self.document(role).version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})
