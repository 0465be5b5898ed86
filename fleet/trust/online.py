"""What the server signs by itself: which documents are current (snapshot), and that this is still so (timestamp).

Versions grow with the clock, so that a folder that was lost does not begin below what devices have accepted.
"""

from __future__ import annotations

from tuf.api.metadata import Metadata, MetaFile, Snapshot, Timestamp

from contract.metadata import SIGNED_AT
from contract.moments import rfc3339
from devices.keys import Signer
from fleet.trust.documents import moment, sign, to_bytes

SNAPSHOT_LIFE_S = 7 * 86400.0
TIMESTAMP_LIFE_S = 86400.0
"""How long a device believes what it was last told; a server that is away for longer holds updates up."""


def snapshot_of(
    version: int, targets: bytes, before: Metadata[Snapshot] | None, signer: Signer, now_s: float
) -> Metadata[Snapshot]:
    """Names `targets`, the file of that version as it is served, as the current list."""
    named = MetaFile.from_data(version, targets, ["sha256"])
    snapshot = Snapshot(
        version=_next(before.signed.version if before else 0, now_s),
        expires=moment(now_s + SNAPSHOT_LIFE_S),
        meta={"targets.json": named},
    )
    return sign(Metadata(snapshot), [signer])


def timestamp_of(
    snapshot: Metadata[Snapshot], before: Metadata[Timestamp] | None, signer: Signer, now_s: float
) -> Metadata[Timestamp]:
    """Names `snapshot` as the current one."""
    timestamp = Timestamp(
        version=_next(before.signed.version if before else 0, now_s),
        expires=moment(now_s + TIMESTAMP_LIFE_S),
        snapshot_meta=MetaFile.from_data(snapshot.signed.version, to_bytes(snapshot), ["sha256"]),
        unrecognized_fields={SIGNED_AT: rfc3339(now_s)},
    )
    return sign(Metadata(timestamp), [signer])


def _next(version: int, now_s: float) -> int:
    return max(version + 1, int(now_s))
