"""TUF documents from bytes and back, and what everybody asks of them. Our own fields are `contract/metadata.py`'s."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import TypeVar

import msgspec
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError, SerializationError
from tuf.api.serialization.json import JSONSerializer

from contract.digest import PREFIX, hex_of
from contract.errors import SignatureError
from contract.metadata import POLICY, Policy, RoleName
from devices.keys import Signer
from fleet.trust.keys import signature, tuf_id

TARGET = re.compile(r"(?P<hex>[0-9a-f]{64})\.(?:bundle|delta)")
Document = Metadata[Root] | Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp]
S = TypeVar("S", Root, Targets, Snapshot, Timestamp)


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
    """JSON without spaces: every device fetches the list of targets after every release."""
    return document.to_bytes(JSONSerializer(compact=True))


def sign(document: Metadata[S], signers: Iterable[Signer]) -> Metadata[S]:
    """Replace all signatures by those of `signers`."""
    document.signatures.clear()
    for signer in signers:
        document.signatures[tuf_id(signer)] = signature(signer, document.signed_bytes)
    return document


def is_signed(document: Document, role: RoleName, root: Root) -> bool:
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
