"""Attacks on a bundle's signature: everything else is right, and `signature.json` is not the publisher's word for it.

The arithmetic of Ed25519 is RFC 8032's; S + L and small-order points are what lenient verifiers accept
(Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs", 2020).
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.codec import to_json, to_pretty_json
from contract.digest import digest_of
from contract.dsse import (
    ASSIGNMENT_TYPE,
    MANIFEST_TYPE,
    Envelope,
    Signature,
    pre_authentication_encoding,
    sign,
)
from devices.keys import development_signer
from tests.contract.attack import Attack, forged
from tests.contract.small_bundle import signature_of, small_promise, wrapped

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
STRANGER = Ed25519PrivateKey.from_private_bytes(b"a stranger with a key of his own")
MISMATCH, UNTRUSTED, INVALID = "does not match the content", "whom nobody here trusts", "not a valid Envelope"
NOT_BASE64, SPELLED, TWICE = "not Base64", "more than signatures, or otherwise spelled", "signs twice"


def _with(envelope: Envelope) -> bytes:
    return _with_bytes(to_pretty_json(envelope))


def _with_bytes(signature: bytes) -> bytes:
    return wrapped(small_promise(), signature)


def _good() -> Envelope:
    return signature_of(small_promise().manifest)


def _text(change: Callable[[str], str]) -> bytes:
    """The right signature, its Base64 written otherwise."""
    (right,) = _good().signatures
    return _with(_holding(Signature(keyid=right.keyid, sig=change(right.sig))))


def _raw(change: Callable[[bytes], bytes]) -> bytes:
    """Other 64 bytes in its place, rightly written."""
    return _text(lambda sig: base64.b64encode(change(base64.b64decode(sig))).decode())


def _holding(*signatures: Signature, kind: str = MANIFEST_TYPE, payload: str = "") -> Envelope:
    return Envelope(payloadType=kind, payload=payload, signatures=signatures)


def _signing(body: bytes) -> bytes:
    """The trusted key's signature over other bytes than the standard's."""
    key = development_signer()
    return _with(_holding(Signature(keyid=key.keyid, sig=base64.b64encode(key.sign(body)).decode())))


def _by_stranger(keyid: str) -> Signature:
    body = pre_authentication_encoding(MANIFEST_TYPE, small_promise().manifest)
    return Signature(keyid=keyid, sig=base64.b64encode(STRANGER.sign(body)).decode())


def _stranger_id() -> str:
    return digest_of(STRANGER.public_key().public_bytes_raw())


def _assignment() -> bytes:
    """What the same key signed for another purpose."""
    key = development_signer()
    return _with(sign(ASSIGNMENT_TYPE, small_promise().manifest, key.keyid, key.sign, detached=True))


def _relabelled() -> bytes:
    key = development_signer()
    other = sign(ASSIGNMENT_TYPE, small_promise().manifest, key.keyid, key.sign, detached=True)
    return _with(_holding(*other.signatures))


def _s_plus_order(signature: bytes) -> bytes:
    s = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    return signature[:32] + s.to_bytes(32, "little")


def _unused_bits(text: str) -> str:
    """The last character before `==` carries four bits that no byte needs."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-3] + alphabet[alphabet.index(text[-3]) + 1] + "=="


def _many(number: int) -> bytes:
    return _with(_holding(*(Signature(keyid=f"sha256:{n:064x}", sig="") for n in range(number))))


def _edited(old: str, new: str) -> bytes:
    text = to_pretty_json(_good()).decode()
    assert text.count(old) == 1, old
    return _with_bytes(text.replace(old, new).encode())


ATTACKS: dict[str, Attack] = {
    "is nobody's": forged(lambda: _with(_holding()), UNTRUSTED),
    "is a stranger's": forged(lambda: _with(_holding(_by_stranger(_stranger_id()))), UNTRUSTED),
    "is a stranger's under the publisher's name": forged(
        lambda: _with(_holding(_by_stranger(development_signer().keyid))), MISMATCH
    ),
    "names a key by its short form": forged(lambda: _edited(_good().signatures[0].keyid, "sha256:"), UNTRUSTED),
    "is the publisher's for another bundle": forged(lambda: _with(signature_of(small_promise(2).manifest)), MISMATCH),
    "is the publisher's for an assignment": forged(_assignment, "it signs a 'application/vnd.edgeferry.assignment"),
    "is the publisher's for an assignment, relabelled": forged(_relabelled, MISMATCH),
    "is of a kind that commands the terminal": forged(
        lambda: _with(_holding(*_good().signatures, kind="\x1b[2J\n")), "it signs a '"
    ),
    "leaves the kind out of what is signed": forged(lambda: _signing(small_promise().manifest), MISMATCH),
    "signs the digest alone": forged(lambda: _signing(digest_of(small_promise().manifest).encode()), MISMATCH),
    "signs the manifest spelled otherwise": forged(
        lambda: _signing(pre_authentication_encoding(MANIFEST_TYPE, small_promise().manifest.rstrip())), MISMATCH
    ),
    "stands there twice": forged(lambda: _with(_holding(*_good().signatures * 2)), TWICE),
    "stands there 17 times": forged(lambda: _many(17), INVALID),
    "stands there 10,000 times": forged(lambda: _many(10_000), "at most 1048576|not a valid Envelope"),
    "brings a payload of its own": forged(lambda: _with(_holding(*_good().signatures, payload="aGlkZGVu")), SPELLED),
    "brings a field of its own": forged(lambda: _edited('"payload": "",', '"payload": "",\n  "x": 1,'), SPELLED),
    "brings one key twice": forged(lambda: _edited('"payload": "",', '"payload": "x",\n  "payload": "",'), SPELLED),
    "is spaced otherwise": forged(lambda: _with_bytes(to_json(_good())), SPELLED),
    "is of 2 MiB": forged(lambda: _with_bytes(to_pretty_json(_good()) + b" " * (2 << 20)), "at most 1048576"),
    "is nested 100,000 deep": forged(lambda: _with_bytes(b'{"x":' + b"[" * 100_000), "recursion depth"),
    "is no JSON": forged(lambda: _with_bytes(b"-----BEGIN SIGNATURE-----"), INVALID),
    "is written without padding": forged(lambda: _text(lambda sig: sig.rstrip("=")), NOT_BASE64),
    "is written with more padding": forged(lambda: _text(lambda sig: sig + "=="), NOT_BASE64),
    "is written with a space": forged(lambda: _text(lambda sig: sig[:8] + " " + sig[8:]), NOT_BASE64),
    "is written with a line feed behind": forged(lambda: _text(lambda sig: sig + "\n"), NOT_BASE64),
    "is written for addresses": forged(lambda: _text(lambda sig: "-_" + sig[2:]), NOT_BASE64),
    "is written beyond ASCII": forged(lambda: _text(lambda sig: "é" + sig[1:]), NOT_BASE64),
    "is written with bits nobody reads": forged(lambda: _text(_unused_bits), "not Base64 as it is written"),
    "is empty": forged(lambda: _text(lambda _: ""), MISMATCH),
    "is a byte short": forged(lambda: _raw(lambda sig: sig[:-1]), MISMATCH),
    "is a byte long": forged(lambda: _raw(lambda sig: sig + b"\0"), MISMATCH),
    "is all zero": forged(lambda: _raw(lambda _: bytes(64)), MISMATCH),
    "is the neutral point and zero": forged(lambda: _raw(lambda _: b"\1" + bytes(63)), MISMATCH),
    "is its twin by the group's order": forged(lambda: _raw(_s_plus_order), MISMATCH),
    "has one bit turned": forged(lambda: _raw(lambda sig: bytes([sig[0] ^ 1]) + sig[1:]), MISMATCH),
}
