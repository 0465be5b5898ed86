"""One installed bundle, as it lies unpacked in its folder: the bundle's very bytes, member by member.

The folder holds every member, `manifest.json` and `signature.json` as the publisher wrote them, so that the bundle's
file can be put together again for a delta. `edge/slots.py` writes such folders; every process of a device reads them.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from contract import manifest as manifests
from contract.digest import digest_of, hex_of
from contract.errors import BundleError
from contract.manifest import Digest, Manifest

MARKER = "bundle"
"""Holds the digest and is written last; no member may have such a name."""


class Slot(Struct, frozen=True, kw_only=True):
    """One installed bundle."""

    digest: Digest
    folder: Path
    manifest: Manifest

    @property
    def model(self) -> Path:
        """The model's file."""
        return self.folder / self.manifest.model

    def has(self, name: str) -> bool:
        """Whether the bundle had such a member."""
        return any(member.name == name for member in self.manifest.members)

    def member(self, name: str) -> bytes:
        """The bytes of one member; BundleError where they are not the promised ones any more."""
        promised = next(member for member in self.manifest.members if member.name == name)
        try:
            data = (self.folder / name).read_bytes()
        except OSError as problem:
            raise damaged(f"member {name!r} cannot be read: {problem.strerror}", self.folder) from problem
        if digest_of(data) != promised.sha256:
            raise damaged(f"member {name!r} has changed on the disk", self.folder)
        return data


def folder_of(slots: Path, digest: Digest) -> Path:
    """Where the bundle of that digest lies, below the folder of all slots."""
    return slots / hex_of(digest)


def read_slot(slots: Path, digest: Digest) -> Slot:
    """The installed bundle of that digest, as far as a look tells; BundleError where it is not whole."""
    folder = folder_of(slots, digest)
    try:
        marker = (folder / MARKER).read_text()
        manifest = manifests.parse((folder / manifests.NAME).read_bytes(), where=str(folder / manifests.NAME))
        sizes = {member.name: (folder / member.name).stat().st_size for member in manifest.members}
    except (OSError, UnicodeDecodeError) as problem:
        raise damaged(f"it is not whole: {problem}", folder) from problem
    wrong = [member.name for member in manifest.members if sizes[member.name] != member.size_bytes]
    if marker != digest or wrong:
        raise damaged(f"it is not whole: {', '.join(wrong) or MARKER}", folder)
    return Slot(digest=digest, folder=folder, manifest=manifest)


def damaged(what: str, folder: Path) -> BundleError:
    """The sentence for a slot that cannot be used."""
    return BundleError(what, where=str(folder), fix="Delete this folder; the bundle is then installed anew.")
