"""The server's part in the update repository's metadata: takes what people signed, and says what is current.

It holds the one key that is online. Whoever steals it can keep devices from seeing a new list for as long as the last
one counts; what may be installed he cannot change, because no list is signed with it. Documents are written in the
order targets, snapshot, timestamp: a reader or a crash in between meets the state before.
"""

from __future__ import annotations

import logging
import threading
import time

from contract.errors import FerryError
from contract.metadata import RoleName
from devices.keys import Signer
from fleet.trust import online
from fleet.trust.checks import Held, check_online, check_root, check_targets
from fleet.trust.documents import Document, expiry_s, is_signed, to_bytes
from fleet.trust.folder import MetadataFolder
from fleet.trust.keys import tuf_id
from fleet.trust.names import TIMESTAMP, document_name
from fleet.trust.published import Published, load

LOG = logging.getLogger(__name__)
LOOK_S = 60.0


class Notary:
    """Threads may share it. `start` and `close` once, to keep snapshot and timestamp from expiring."""

    def __init__(self, folder: MetadataFolder, signer: Signer, held: Held) -> None:
        """Read what `folder` holds; ConfigError where that is not whole, or `signer` is not its online key."""
        self.folder, self._signer, self._held = folder, signer, held
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="notary")
        self._warned: tuple[str, ...] = ()
        self.published = load(folder)
        check_online(self.published.root, tuf_id(signer), where=str(folder.path))
        self.renew(time.time())

    def start(self) -> None:
        """Begin to look at the clock."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closing.set()
        self._thread.join()

    def publish_targets(self, data: bytes, now_s: float) -> None:
        """Make a signed list the current one; SignatureError or ConflictError where it is not fit to be."""
        with self._lock:
            now = self.published
            targets = check_targets(data, now.root, now.targets, self._held, now_s)
            file = to_bytes(targets)
            self.folder.write(document_name(targets.signed.version, "targets"), file)
            self._sign(now._replace(targets=targets, targets_file=file), now_s)
        LOG.info("targets version %d: %d files", targets.signed.version, len(targets.signed.targets))

    def publish_root(self, data: bytes, now_s: float) -> None:
        """Make a signed root the current one; SignatureError, ConflictError or ConfigError where it is not fit."""
        with self._lock:
            now = self.published
            root = check_root(data, now.root, now.targets, tuf_id(self._signer), now_s)
            self.folder.write(document_name(root.signed.version, "root"), to_bytes(root))
            self.published = now._replace(root=root)
            self._sign(self.published, now_s)
        LOG.info("root version %d", root.signed.version)

    def renew(self, now_s: float) -> None:
        """Sign snapshot and timestamp anew where half their life is over, and warn of what people have to renew."""
        with self._lock:
            self._sign(self.published, now_s)
            warnings = self.published.warnings(now_s)
            for warning in warnings if warnings != self._warned else ():
                LOG.warning("%s", warning)
            self._warned = warnings

    def vouches_for(self, name: str) -> bool:
        """Whether `HEX.bundle` or `HEX.delta` is in the current list."""
        return name in self.published.targets.signed.targets

    def _sign(self, now: Published, now_s: float) -> None:
        """Publish `now` with a snapshot and a timestamp that fit; the lock is held. Until then, nothing has changed."""
        snapshot, timestamp = now.snapshot, now.timestamp
        if (
            snapshot is None
            or snapshot.signed.meta["targets.json"].version != now.targets.signed.version
            or self._is_due(snapshot, "snapshot", now, online.SNAPSHOT_LIFE_S, now_s)
        ):
            snapshot = online.snapshot_of(now.targets.signed.version, now.targets_file, snapshot, self._signer, now_s)
            self.folder.write(document_name(snapshot.signed.version, "snapshot"), to_bytes(snapshot))
        if (
            timestamp is None
            or snapshot is not now.snapshot
            or self._is_due(timestamp, "timestamp", now, online.TIMESTAMP_LIFE_S, now_s)
        ):
            timestamp = online.timestamp_of(snapshot, timestamp, self._signer, now_s)
            self.folder.write(TIMESTAMP, to_bytes(timestamp))
        self.published = now._replace(snapshot=snapshot, timestamp=timestamp)

    def _is_due(self, document: Document, role: RoleName, now: Published, life_s: float, now_s: float) -> bool:
        """Half its life is over, or it is not signed by our key, which a device may soon be the only one to know."""
        mine = tuf_id(self._signer) in document.signatures and is_signed(document, role, now.root.signed)
        return not mine or expiry_s(document) - now_s < life_s / 2

    def _run(self) -> None:
        while not self._closing.wait(LOOK_S):
            self._renew_or_say()

    def _renew_or_say(self) -> None:
        try:
            self.renew(time.time())
        except FerryError as problem:
            LOG.error("the metadata could not be renewed, and will expire: %s", problem)
