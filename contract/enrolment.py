"""What a device and its fleet say to each other about the device's certificate, over HTTP.

| Call | From the device | Back |
|---|---|---|
| `POST /enroll/claim` | ClaimRequest: a CSR, proved with a claim code | ClaimAnswer: Membership, proved with it too |
| `POST /enroll/renew` | RenewRequest: a CSR for the next key, signed by the present key | Renewed |

Neither needs TLS to be safe: nothing here is secret, and every word that counts is proved. A request that is sent
again is answered again, and leads to no second certificate. The subject of a CSR means nothing; only its key counts.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

from msgspec import Meta, Struct

CLAIM_PATH, RENEW_PATH = "/enroll/claim", "/enroll/renew"
LIMIT_BYTES = 16 * 1024
"""Of a request; one with a P-256 key has about 2,000."""
ANSWER_LIMIT_BYTES = 256 * 1024
_Hex64 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Pem = Annotated[str, Meta(max_length=LIMIT_BYTES)]


class ClaimRequest(Struct, frozen=True, kw_only=True):
    """A device without a certificate asks for one."""

    schema: int = 1
    claim: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
    """`contract.claim_code.ClaimKeys.id`."""
    csr: _Pem
    proof: _Hex64
    """`contract.claim_code.request_proof`."""


class ClaimAnswer(Struct, frozen=True, kw_only=True):
    """A Membership as it was proved: a text, so that its bytes are certain."""

    schema: int = 1
    membership: str
    proof: str
    """`contract.claim_code.answer_proof`."""


class Membership(Struct, frozen=True, kw_only=True):
    """All a device needs to know to be one of a fleet."""

    schema: int = 1
    fleet: str
    device: str
    chain: str
    """PEM: the device's certificate, then the authority that issued it."""
    authorities: str
    """PEM: the fleet's root, which vouches for the broker too."""
    broker: str
    """As in `device.toml`."""
    publishers: tuple[str, ...] = ()
    """PEM: public keys of those who may sign bundles."""
    fleet_keys: tuple[str, ...] = ()
    """PEM: public keys of those who may assign bundles."""
    root: str = ""
    """The update repository's `root.json`; empty where there is none."""
    profile: str = ""
    site: str = ""
    tags: dict[str, str] = {}


class RenewRequest(Struct, frozen=True, kw_only=True):
    """A device with a certificate asks for the next one."""

    schema: int = 1
    certificate: _Pem
    """The present one."""
    csr: _Pem
    """For the next key."""
    signature: Annotated[str, Meta(max_length=512)]
    """Base 64: ECDSA with SHA-256 by the present key over `renewal_words`."""


class Renewed(Struct, frozen=True, kw_only=True):
    """The next certificate; or none, because the present one has a long way to go."""

    schema: int = 1
    chain: str = ""
    renew_in_s: float
    """When to ask again, from now: counted by the server, because the device's clock may be wrong."""


def renewal_words(certificate: str, csr: str) -> bytes:
    """What the present key signs."""
    return b"edgeferry renewal 1\n" + b"".join(hashlib.sha256(text.encode()).digest() for text in (certificate, csr))
