"""What somebody at the device wants done, without a network: a folder that the agent looks into once a second.

    STATE/inbox/order.json     what to do; written last, so an order is whole or not there
    STATE/inbox/<hex>.bundle   the bundle to install
    STATE/inbox/metadata/      the update repository's metadata that came with it, where there was any

An order is not believed more than the fleet's word: the same signatures, metadata, floor, golden frames, shadow run and
health window decide. It survives a restart, and one placed while no agent runs is carried out at the next start.
"""

from __future__ import annotations

import logging
import secrets
import shutil
from pathlib import Path
from typing import Literal

from msgspec import Struct

from contract.bundle import SUFFIX
from contract.codec import from_json, to_pretty_json
from contract.digest import hex_of
from contract.errors import UpdateError
from contract.manifest import Digest, ModelName, Positive
from contract.messages import Count
from edge.bundles import UNVERIFIED, opened_bundle
from edge.durable import Disk, disk_error

log = logging.getLogger(__name__)

FOLDER, RECORD, METADATA = "inbox", "order.json", "metadata"
SCHEMA = 1


class Order(Struct, frozen=True, kw_only=True):
    """One wish."""

    schema: int = SCHEMA
    verb: Literal["install", "roll-back"]
    digest: Digest | None = None
    """Of the bundle to install."""
    name: ModelName = "none"
    version: Positive = 1
    size_bytes: Count = 0
    id: str = ""
    """Made up when it is placed, so that the same order placed again is another one."""


class Inbox:
    """Of one state folder. The agent looks, whoever is at the device places."""

    def __init__(self, state_dir: Path, disk: Disk) -> None:
        self._folder, self._disk = state_dir / FOLDER, disk

    @property
    def metadata(self) -> Path:
        """Where the metadata of the order at hand lies, if it came with any."""
        return self._folder / METADATA

    def bundle(self, digest: Digest) -> Path:
        """The file of an order's bundle."""
        return self._folder / f"{hex_of(digest)}{SUFFIX}"

    def look(self) -> Order | None:
        """The order that waits, if one does; one that cannot be read is taken away with a word in the log."""
        record = self._folder / RECORD
        try:
            data = record.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            log.warning("inbox: %s: %s", record, problem.strerror)
            return None
        try:
            return from_json(data, Order, where=str(record), error=UpdateError, newest_schema=SCHEMA)
        except UpdateError as problem:
            log.warning("inbox: %s", problem)
            self.clear()
            return None

    def clear(self) -> None:
        """The order was carried out, or refused. What cannot be removed now is overwritten by the next one."""
        try:
            for name in (RECORD, *(entry.name for entry in sorted(self._folder.iterdir()))):
                path = self._folder / name
                if path.is_dir():
                    self._disk.remove_folder(path)
                elif path.exists():
                    self._disk.remove(path)
        except OSError as problem:
            log.warning("inbox: cannot be cleared: %s", problem.strerror)

    def place_install(self, bundle: Path, metadata: Path | None) -> Order:
        """Copy a bundle, and the metadata beside it, and ask for its installation. BundleError, DiskError."""
        with opened_bundle(bundle, UNVERIFIED) as opened:
            manifest, digest, size_bytes = opened.bundle.manifest, opened.digest, opened.size_bytes
        order = Order(
            verb="install",
            digest=digest,
            name=manifest.name,
            version=manifest.version,
            size_bytes=size_bytes,
            id=secrets.token_hex(8),
        )
        self._begin()
        try:
            self._copy(bundle, self.bundle(digest))
            if metadata is not None:
                self._disk.make_folder(self.metadata)
                for file in sorted(metadata.glob("*.json")):
                    self._copy(file, self.metadata / file.name)
        except OSError as problem:
            raise disk_error("copying the bundle to the device", self._folder, problem) from problem
        return self._place(order)

    def place_roll_back(self) -> Order:
        """Ask for the model before the one that serves. DiskError."""
        self._begin()
        return self._place(Order(verb="roll-back"))

    def _begin(self) -> None:
        """An empty folder; UpdateError while another order waits."""
        if self.look() is not None:
            raise UpdateError(
                "another order has not been carried out yet",
                where=str(self._folder / RECORD),
                fix="Wait for it, or start the agent; without one, delete this file.",
            )
        try:
            if self._folder.exists():
                # What an interrupted copy left.
                shutil.rmtree(self._folder)
            self._disk.make_folder(self._folder)
        except OSError as problem:
            raise disk_error("making the inbox", self._folder, problem) from problem

    def _copy(self, source: Path, target: Path) -> None:
        self._disk.write(target, b"")
        with source.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                self._disk.append(target, chunk)
        self._disk.sync(target)

    def _place(self, order: Order) -> Order:
        try:
            self._disk.replace_file(self._folder / RECORD, to_pretty_json(order))
        except OSError as problem:
            raise disk_error("placing the order", self._folder, problem) from problem
        return order
