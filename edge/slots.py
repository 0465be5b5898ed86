"""The bundles a device holds, unpacked, and the one small record that says which of them serves.

    STATE/slots/<64 hex digits>/   members, manifest.json, and `bundle`: the digest, written last
    STATE/slots/.staging-<hex>/    one being written; removed when the store is opened
    STATE/slots.json               current, fallback, provisional: replaced as a whole, so no state is in between

A folder is named by the digest of its bundle's file and never changes after it got its name. Members are checked when
installed; at a start only the digest and the sizes are looked at, because reading every model anew costs a slow
card more than a minute. Who may be installed, and when to switch, is `edge/updater.py`'s matter.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from contract import manifest as manifests
from contract.codec import to_pretty_json
from contract.digest import PATTERN, PREFIX, digest_of, hex_of
from contract.errors import BundleError, UpdateError
from contract.manifest import Digest, Manifest
from edge.durable import Disk, DiskError, disk_error, read_record

if TYPE_CHECKING:
    from edge.bundles import CheckedBundle

log = logging.getLogger(__name__)

SCHEMA = 1
FOLDER, RECORD, MARKER = "slots", "slots.json", "bundle"
_STAGING = ".staging-"
QUOTA_BYTES = 1 << 30
"""All slots together: two models and a third on its way; the largest edge models are a tenth of it."""
_SPARE_BYTES = 16 * 1024**2
"""Left free on the disk for everybody else, the outbox first."""


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
            raise _damaged(f"member {name!r} cannot be read: {problem.strerror}", self.folder) from problem
        if digest_of(data) != promised.sha256:
            raise _damaged(f"member {name!r} has changed on the disk", self.folder)
        return data


class _Record(Struct, frozen=True, kw_only=True):
    """`slots.json`."""

    schema: int = SCHEMA
    current: Digest | None = None
    fallback: Digest | None = None
    provisional: bool = False


class Slots:
    """The store in one state folder. One thread at a time: the agent's at the start, the updater's after it."""

    def __init__(self, state_dir: Path, *, disk: Disk | None = None, quota_bytes: int = QUOTA_BYTES) -> None:
        """Open or make the store; what a power cut left half-written is removed. DiskError, UpdateError."""
        self._folder, self._record_path = state_dir / FOLDER, state_dir / RECORD
        self._disk, self._quota_bytes = disk or Disk(), quota_bytes
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for leftover in self._folder.glob(_STAGING + "*"):
                shutil.rmtree(leftover)
            self._record = self._read_record()
        except OSError as problem:
            raise disk_error("opening the slots", self._folder, problem) from problem

    @property
    def provisional(self) -> bool:
        """Whether the current bundle still has to prove itself."""
        return self._record.provisional

    @property
    def current(self) -> Digest | None:
        """The digest of the bundle that serves; None on a new device."""
        return self._record.current

    @property
    def fallback(self) -> Digest | None:
        """The digest of the bundle that served before."""
        return self._record.fallback

    def held(self) -> tuple[Digest, ...]:
        """The digests of all installed bundles, sorted."""
        names = (PREFIX + folder.name for folder in self._folder.iterdir())
        return tuple(sorted(digest for digest in names if PATTERN.fullmatch(digest)))

    def slot(self, digest: Digest) -> Slot:
        """The installed bundle of that digest, as far as a look tells; BundleError where it is not whole."""
        folder = self._folder / hex_of(digest)
        try:
            marker = (folder / MARKER).read_text()
            manifest = manifests.parse((folder / manifests.NAME).read_bytes(), where=str(folder / manifests.NAME))
            sizes = {member.name: (folder / member.name).stat().st_size for member in manifest.members}
        except (OSError, UnicodeDecodeError) as problem:
            raise _damaged(f"it is not whole: {problem}", folder) from problem
        wrong = [member.name for member in manifest.members if sizes[member.name] != member.size_bytes]
        if marker != digest or wrong:
            raise _damaged(f"it is not whole: {', '.join(wrong) or MARKER}", folder)
        return Slot(digest=digest, folder=folder, manifest=manifest)

    def check_room(self, size_bytes: int) -> None:
        """DiskError where `size_bytes` more would not fit into the quota, or onto the disk."""
        used = sum(file.stat().st_size for file in self._folder.glob("*/*"))
        free = shutil.disk_usage(self._folder).free - _SPARE_BYTES
        room = min(self._quota_bytes - used, free)
        if size_bytes > room:
            raise DiskError(
                f"{size_bytes} bytes are needed and {max(room, 0)} are free for slots",
                where=str(self._folder),
                fix="Free some space on the device.",
            )

    def install(self, bundle: CheckedBundle) -> Slot:
        """Unpack a checked bundle into its slot; nothing is seen of it before it is whole and on the medium."""
        final = self._folder / hex_of(bundle.digest)
        if final.exists():
            try:
                return self.slot(bundle.digest)
            except BundleError as damaged:
                log.warning("%s; it is written anew", damaged)
                self._discard(bundle.digest)
        files = {manifests.NAME: to_pretty_json(bundle.manifest), **bundle.members, MARKER: bundle.digest.encode()}
        self.check_room(sum(map(len, files.values())))
        staging = self._folder / (_STAGING + final.name)
        try:
            staging.mkdir()
            for name, data in files.items():
                self._disk.write(staging / name, data)
                self._disk.sync(staging / name)
            self._disk.sync(staging)
            self._disk.rename(staging, final)
            self._disk.sync(self._folder)
        except OSError as problem:
            shutil.rmtree(staging, ignore_errors=True)
            raise disk_error("installing the bundle", final, problem) from problem
        return self.slot(bundle.digest)

    def activate(self, digest: Digest, *, provisional: bool = True) -> None:
        """Let an installed bundle serve from the next start on; the one before it becomes the fallback.

        The very first one is never provisional: there is nothing to go back to.
        """
        self.slot(digest)
        fallback = self._record.fallback if digest == self._record.current else self._record.current
        self._write(_Record(current=digest, fallback=fallback, provisional=provisional and fallback is not None))

    def commit(self) -> None:
        """The current bundle has proved itself."""
        self._write(replace(self._record, provisional=False))

    def roll_back(self) -> Digest:
        """Go back to the fallback and return its digest; UpdateError where there is none."""
        fallback = self._record.fallback
        if fallback is None:
            raise UpdateError(
                "there is no earlier bundle to go back to",
                where=str(self._record_path),
                fix="Assign a bundle that works on this device.",
            )
        self._write(_Record(current=fallback))
        return fallback

    def collect(self) -> None:
        """Delete every slot that is neither current nor fallback."""
        for digest in self.held():
            if digest not in (self._record.current, self._record.fallback):
                log.info("slot %s: deleted", digest)
                self._discard(digest)

    def _discard(self, digest: Digest) -> None:
        """Under a name that `open` cleans away first, so that no half-deleted slot ever looks like one."""
        doomed = self._folder / (_STAGING + hex_of(digest))
        shutil.rmtree(doomed, ignore_errors=True)
        try:
            self._disk.rename(self._folder / hex_of(digest), doomed)
        except OSError as problem:
            raise disk_error("deleting a slot", self._folder, problem) from problem
        shutil.rmtree(doomed, ignore_errors=True)

    def _read_record(self) -> _Record:
        if not self._record_path.exists():
            return _Record()
        return read_record(
            self._record_path,
            _Record,
            newest_schema=SCHEMA,
            without_it="the agent then installs the bundle that device.toml names",
        )

    def _write(self, record: _Record) -> None:
        try:
            self._disk.replace_file(self._record_path, to_pretty_json(record))
        except OSError as problem:
            raise disk_error("switching slots", self._record_path, problem) from problem
        self._record = record


def _damaged(what: str, folder: Path) -> BundleError:
    return BundleError(what, where=str(folder), fix="Delete this folder; the bundle is then installed anew.")
