"""The bundles a device holds, unpacked, and the one small record that says which of them serves.

    STATE/slots/<64 hex digits>/   an installed bundle: `edge/slot.py`
    STATE/slots/.staging-<hex>/    one being written; removed when the store is opened
    STATE/slots.json               current, fallback, provisional, floor: replaced as a whole, so no state is in between

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
from contract.bundle import SIGNATURE
from contract.codec import to_pretty_json
from contract.digest import PATTERN, PREFIX
from contract.errors import BundleError, UpdateError
from contract.manifest import Digest
from edge.durable import Disk, DiskError, disk_error, read_record
from edge.slot import MARKER, Slot, folder_of, read_slot

if TYPE_CHECKING:
    from edge.bundles import OpenBundle

log = logging.getLogger(__name__)

SCHEMA = 1
FOLDER, RECORD = "slots", "slots.json"
_STAGING = ".staging-"
QUOTA_BYTES = 1 << 30
"""All slots together: two models and a third on its way; the largest edge models are a tenth of it."""
_SPARE_BYTES = 16 * 1024**2
"""Left free on the disk for everybody else, the outbox first."""


class Record(Struct, frozen=True, kw_only=True):
    """`slots.json`."""

    schema: int = SCHEMA
    current: Digest | None = None
    fallback: Digest | None = None
    provisional: bool = False
    earlier: Digest | None = None
    """The fallback there was before a provisional bundle came: going back brings it back too."""
    floor: int = 0
    """Bundles of a lower security level are refused."""

    @property
    def needed(self) -> frozenset[Digest]:
        """The slots that must not be deleted."""
        return frozenset(digest for digest in (self.current, self.fallback, self.earlier) if digest)


def stored_record(state_dir: Path) -> Record:
    """What `slots.json` says; an empty record on a new device. UpdateError where it is spoilt."""
    path = state_dir / RECORD
    if not path.exists():
        return Record()
    without_it = "the agent then installs the bundle that device.toml names"
    return read_record(path, Record, newest_schema=SCHEMA, without_it=without_it)


class Slots:
    """The store in one state folder. One thread at a time: the agent's at the start, the updater's after it."""

    def __init__(self, state_dir: Path, *, disk: Disk | None = None, quota_bytes: int = QUOTA_BYTES) -> None:
        """Open or make the store; what a power cut left half-written is removed. DiskError, UpdateError."""
        self.folder, self._record_path = state_dir / FOLDER, state_dir / RECORD
        self._disk, self._quota_bytes = disk or Disk(), quota_bytes
        try:
            if not self.folder.is_dir():
                state_dir.mkdir(parents=True, exist_ok=True)
                self._disk.make_folder(self.folder)
                self._disk.sync(state_dir)
            for leftover in sorted(self.folder.glob(_STAGING + "*")):
                self._clear(leftover)
            self._record = stored_record(state_dir)
        except OSError as problem:
            raise disk_error("opening the slots", self.folder, problem) from problem

    @property
    def provisional(self) -> bool:
        """Whether the current bundle still has to prove itself."""
        return self._record.provisional

    @property
    def current(self) -> Digest | None:
        """The digest of the bundle that serves; None on a new device."""
        return self._record.current

    @property
    def proven(self) -> Digest | None:
        """What a start begins with: the current bundle, unless it was still on trial."""
        return self._record.fallback if self._record.provisional else self._record.current

    @property
    def fallback(self) -> Digest | None:
        """The digest of the bundle that served before."""
        return self._record.fallback

    @property
    def floor(self) -> int:
        """The lowest security level that may be installed. Going back to the fallback is never forbidden by it."""
        return self._record.floor

    def held(self) -> tuple[Digest, ...]:
        """The digests of all installed bundles, sorted."""
        names = (PREFIX + folder.name for folder in self.folder.iterdir())
        return tuple(sorted(digest for digest in names if PATTERN.fullmatch(digest)))

    def slot(self, digest: Digest) -> Slot:
        """The installed bundle of that digest, as far as a look tells; BundleError where it is not whole."""
        return read_slot(self.folder, digest)

    def check_room(self, size_bytes: int) -> None:
        """DiskError where `size_bytes` more do not fit into the quota or onto the disk, even without old slots."""
        if size_bytes > self._room_bytes():
            self.collect()
        room = self._room_bytes()
        if size_bytes > room:
            raise DiskError(
                f"{size_bytes} bytes are needed and {max(room, 0)} are free for slots",
                where=str(self.folder),
                fix="Free some space on the device, or raise update.slots_mib.",
            )

    def discard(self, digest: Digest) -> None:
        """Under a name that opening cleans away first, so that no half-deleted slot ever looks like one."""
        doomed = self.folder / (_STAGING + folder_of(self.folder, digest).name)
        try:
            if doomed.exists():
                self._disk.remove_folder(doomed)
            self._disk.rename(folder_of(self.folder, digest), doomed)
            self._disk.sync(self.folder)
            self._disk.remove_folder(doomed)
        except OSError as problem:
            raise disk_error("deleting a slot", self.folder, problem) from problem

    def _room_bytes(self) -> int:
        used = sum(file.stat().st_size for file in self.folder.glob("*/*"))
        free = shutil.disk_usage(self.folder).free - _SPARE_BYTES
        return min(self._quota_bytes - used, free)

    def install(self, opened: OpenBundle) -> Slot:
        """Unpack a bundle whose signer is known; nothing is seen of it before it is whole and on the medium.

        BundleError at the first member that is not the one its manifest promises; DiskError.
        """
        final = folder_of(self.folder, opened.digest)
        if final.exists():
            try:
                return self.slot(opened.digest)
            except BundleError as spoilt:
                log.warning("%s; it is written anew", spoilt)
                self.discard(opened.digest)
        self.check_room(opened.size_bytes)
        staging = self.folder / (_STAGING + final.name)
        try:
            self._unpack(opened, staging)
            self._disk.rename(staging, final)
            self._disk.sync(self.folder)
        except OSError as problem:
            self._clear(staging)
            raise disk_error("installing the bundle", final, problem) from problem
        except BundleError:
            self._clear(staging)
            raise
        return self.slot(opened.digest)

    def activate(self, digest: Digest, *, provisional: bool = True) -> None:
        """Let an installed bundle serve from the next start on; the one before it becomes the fallback.

        The very first one is never provisional: there is nothing to go back to.
        """
        self.slot(digest)
        try:
            # An agent killed just after the rename has left a name that may not be on the medium yet.
            self._disk.sync(self.folder)
        except OSError as problem:
            raise disk_error("switching slots", self.folder, problem) from problem
        before = self._record
        fallback = before.fallback if digest == before.current else before.current
        provisional = provisional and fallback is not None
        # Also where it is `digest` itself: going forward to the fallback and back again must not lose it.
        earlier = before.fallback if provisional and before.fallback != fallback else None
        self._write(
            Record(current=digest, fallback=fallback, provisional=provisional, earlier=earlier, floor=before.floor)
        )

    def commit(self) -> None:
        """The current bundle has proved itself, and what it says about lower security levels counts from now on."""
        assert self._record.current is not None
        floor = max(self._record.floor, self.slot(self._record.current).manifest.security_floor)
        self._write(replace(self._record, provisional=False, earlier=None, floor=floor))

    def raise_floor(self, floor: int) -> None:
        """Refuse bundles of a lower security level from now on; a floor is never lowered."""
        if floor > self._record.floor:
            self._write(replace(self._record, floor=floor))

    def roll_back(self) -> Digest:
        """Go back to the fallback and return its digest; UpdateError where there is none."""
        fallback = self._record.fallback
        if fallback is None:
            raise UpdateError(
                "there is no earlier bundle to go back to",
                where=str(self._record_path),
                fix="Assign a bundle that works on this device.",
            )
        self._write(Record(current=fallback, fallback=self._record.earlier, floor=self._record.floor))
        return fallback

    def collect(self) -> None:
        """Delete every slot that is neither current nor a fallback."""
        for digest in self.held():
            if digest not in self._record.needed:
                log.info("slot %s: deleted", digest)
                self.discard(digest)

    def _unpack(self, opened: OpenBundle, staging: Path) -> None:
        """Every file written and synced, the marker last."""
        bundle = opened.bundle
        self._disk.make_folder(staging)
        self._store(staging / manifests.NAME, bundle.manifest_bytes)
        self._store(staging / SIGNATURE, bundle.signature_bytes)
        for member in bundle.manifest.members:
            path = staging / member.name
            self._disk.write(path, b"")
            for chunk in bundle.chunks(member.name):
                self._disk.append(path, chunk)
            self._disk.sync(path)
        self._store(staging / MARKER, opened.digest.encode())
        self._disk.sync(staging)

    def _store(self, path: Path, data: bytes) -> None:
        self._disk.write(path, data)
        self._disk.sync(path)

    def _clear(self, staging: Path) -> None:
        """Take away what was not finished; what cannot be removed now is removed at the next start."""
        try:
            if staging.exists():
                self._disk.remove_folder(staging)
        except OSError as problem:
            log.warning("slot %s: cannot be removed yet: %s", staging.name, problem.strerror)

    def _write(self, record: Record) -> None:
        try:
            self._disk.replace_file(self._record_path, to_pretty_json(record))
        except OSError as problem:
            raise disk_error("switching slots", self._record_path, problem) from problem
        self._record = record
