"""The signature envelope: DSSE v1.0 (github.com/secure-systems-lab/dsse), around a manifest or an assignment.

Bytes only: what is signed and how an envelope reads. Keys and Ed25519 itself are in `devices/keys.py`.
An envelope is not itself signed, so it may be anybody's: it is small, its Base64 has one spelling, and no key signs
twice in it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from contract.codec import from_json, plain
from contract.errors import SignatureError

MANIFEST_TYPE = "application/vnd.edgeferry.manifest.v1+json"
ASSIGNMENT_TYPE = "application/vnd.edgeferry.assignment.v1+json"

MAX_BYTES = 1 << 20
"""A larger envelope is not one of ours."""
MOST_SIGNATURES = 16
"""Checked one after the other by a device; two are enough to change keys."""

Verifier = Callable[[bytes, bytes], bool]
"""(signed bytes, signature) -> whether this key made it."""


class Signature(Struct, frozen=True, kw_only=True):
    """One signature over the payload."""

    keyid: str
    """`sha256:…` of the raw 32-byte public key."""
    sig: str
    """Base64 of the 64-byte Ed25519 signature."""


class Envelope(Struct, frozen=True, kw_only=True):
    """A payload with its signatures. A bundle's payload is left empty here: it is `manifest.json` itself."""

    payloadType: str
    payload: str = ""
    """Base64."""
    signatures: Annotated[tuple[Signature, ...], Meta(max_length=MOST_SIGNATURES)]


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What is signed: `DSSEv1 SP LEN(type) SP type SP LEN(body) SP body`, lengths as ASCII decimals."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(
    payload_type: str, payload: bytes, keyid: str, signer: Callable[[bytes], bytes], *, detached: bool
) -> Envelope:
    """An envelope with one signature; `detached` leaves the payload out (it travels beside the envelope)."""
    made = signer(pre_authentication_encoding(payload_type, payload))
    body = "" if detached else base64.b64encode(payload).decode()
    return Envelope(
        payloadType=payload_type,
        payload=body,
        signatures=(Signature(keyid=keyid, sig=base64.b64encode(made).decode()),),
    )


def countersigned(envelope: Envelope, added: Envelope, *, without: Collection[str] = ()) -> Envelope:
    """`envelope` with the signatures of `added` behind its own; those by the same keys or `without` are left out.

    Both are over the same payload, which is for the caller to see to. ValueError where a reader would refuse so many.
    """
    gone = {*without, *(signature.keyid for signature in added.signatures)}
    kept = tuple(signature for signature in envelope.signatures if signature.keyid not in gone)
    signatures = kept + added.signatures
    if len(signatures) > MOST_SIGNATURES:
        raise ValueError(f"{len(signatures)} signatures, and an envelope has at most {MOST_SIGNATURES}")
    return replace(envelope, payloadType=added.payloadType, signatures=signatures)


def parse_envelope(data: bytes, *, where: str) -> Envelope:
    """The envelope in `data`, or SignatureError."""
    if len(data) > MAX_BYTES:
        raise _refused(f"{len(data)} bytes, and an envelope has at most {MAX_BYTES}", where)
    envelope = from_json(data, Envelope, where=where, error=SignatureError)
    keys = [signature.keyid for signature in envelope.signatures]
    if len(set(keys)) < len(keys):
        raise _refused("a key signs twice in it", where)
    return envelope


def payload_of(envelope: Envelope, *, where: str) -> bytes:
    """The payload carried inside."""
    return _decode(envelope.payload, where)


def verify(
    envelope: Envelope, payload_type: str, payload: bytes, trusted: Mapping[str, Verifier], *, where: str
) -> str:
    """The key id of a trusted signature over `payload`, or SignatureError saying whose signatures there are.

    The type is part of what is signed, so a signed manifest can never pass as a signed assignment.
    """
    if envelope.payloadType != payload_type:
        raise _refused(f"it signs a {plain(envelope.payloadType)!r}, not a {payload_type!r}", where)
    signed = pre_authentication_encoding(payload_type, payload)
    for signature in envelope.signatures:
        check = trusted.get(signature.keyid)
        if check is not None:
            if not check(signed, _decode(signature.sig, where)):
                raise _refused("the signature does not match the content", where)
            return signature.keyid
    signers = ", ".join(plain(s.keyid[:19]) for s in envelope.signatures) or "nobody"
    raise SignatureError(
        f"signed by {signers}, whom nobody here trusts",
        where=where,
        fix="Pin the publisher's public key (--trust FILE.pub), or use one signed by a pinned key.",
    )


def _refused(what: str, where: str) -> SignatureError:
    return SignatureError(what, where=where, fix="Do not use it; fetch it again from its publisher.")


def _decode(text: str, where: str) -> bytes:
    """The bytes of Base64 in its one spelling: unused bits are zero, so no other text stands for the same bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as problem:  # binascii.Error is one; so is what a character beyond ASCII raises
        raise SignatureError(f"not Base64: {problem}", where=where, fix="Fetch it again.") from problem
    if base64.b64encode(data).decode() != text:
        raise SignatureError("not Base64 as it is written", where=where, fix="Fetch it again.")
    return data
