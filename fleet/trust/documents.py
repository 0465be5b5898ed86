"""TUF documents from bytes and back, the fields of ours within them, and what everybody asks of them.

`targets` carries `x-edgeferry`: the security level below which devices install nothing, and bundles that must not run
any more. `timestamp` carries `x-edgeferry-signed-at`: a device whose clock has stopped learns from it that time passed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Annotated, TypeVar

import msgspec
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError, SerializationError
from tuf.api.serialization.json import JSONSerializer

from contract.digest import PREFIX, hex_of
from contract.errors import SignatureError
from contract.manifest import Digest
from devices.keys import Signer
from fleet.trust.keys import signature, tuf_id
from fleet.trust.names import Role

POLICY = "x-edgeferry"
SIGNED_AT = "x-edgeferry-signed-at"
TARGET = re.compile(r"(?P<hex>[0-9a-f]{64})\.(?:bundle|delta)")
MAX_BYTES: dict[Role, int] = {"root": 512_000, "targets": 5_000_000}
"""What python-tuf's client reads at most (`tuf/ngclient/config.py`): more than this would lock devices out."""
Document = Metadata[Root] | Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp]
S = TypeVar("S", Root, Targets, Snapshot, Timestamp)


class Policy(msgspec.Struct, frozen=True):
    """What the keeper of the targets key says beside the list of files."""

    security_floor: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Bundles of a lower security level are not installed."""
    revoked: tuple[Digest, ...] = ()
    """Bundles that must not run."""


def read(data: bytes, kind: type[S], *, where: str) -> Metadata[S]:
    """The document in `data`, its signatures not yet judged; SignatureError where it is none of this kind."""
    try:
        document = Metadata[S].from_bytes(data)
    except (DeserializationError, RecursionError) as problem:
        raise _malformed(kind.type, where) from problem
    if not isinstance(document.signed, kind):
        raise _malformed(kind.type, where)
    return document


def to_bytes(document: Document) -> bytes:
    """Indented JSON: people look into these files."""
    return document.to_bytes(JSONSerializer(compact=False))


def sign(document: Metadata[S], signers: Iterable[Signer]) -> Metadata[S]:
    """Replace all signatures by those of `signers`."""
    document.signatures.clear()
    for signer in signers:
        document.signatures[tuf_id(signer)] = signature(signer, document.signed_bytes)
    return document


def is_signed(document: Document, role: Role, root: Root) -> bool:
    """Whether enough of the keys `root` names for `role` have signed."""
    try:
        root.verify_delegate(role, document.signed_bytes, document.signatures)
    except (RepositoryError, SerializationError, ValueError):
        return False
    return True


def policy_of(targets: Targets, *, where: str) -> Policy:
    """What stands beside the list of files; SignatureError where it cannot be read."""
    try:
        return msgspec.convert(targets.unrecognized_fields.get(POLICY, {}), Policy)
    except msgspec.ValidationError as problem:
        raise SignatureError(f"{POLICY} cannot be read: {problem}", where=where, fix="Sign it anew.") from problem


def target_name(digest: str, suffix: str) -> str:
    """How the file with `digest` is listed: `HEX.bundle` or `HEX.delta`."""
    return hex_of(digest) + suffix


def digest_of_target(name: str) -> str:
    """The digest a listed file is named by."""
    return PREFIX + name.partition(".")[0]


def moment(unix_s: float) -> datetime:
    """As TUF's documents want moments."""
    return datetime.fromtimestamp(unix_s, timezone.utc)


def expiry_s(document: Document) -> float:
    """When it ends to count, in seconds since 1970."""
    signed: Signed = document.signed
    return signed.expires.timestamp()


def _malformed(kind: str, where: str) -> SignatureError:
    return SignatureError(f"not a {kind} document of TUF", where=where, fix="Make it with edgeferry fleet trust.")
