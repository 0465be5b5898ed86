"""Signatures: who signed what, and that a signature for one kind of document is none for another."""

from __future__ import annotations

import pytest

from contract.codec import to_json, to_pretty_json
from contract.dsse import (
    ASSIGNMENT_TYPE,
    MANIFEST_TYPE,
    MAX_BYTES,
    MOST_SIGNATURES,
    Envelope,
    Signature,
    parse_envelope,
    payload_of,
    pre_authentication_encoding,
    sign,
    verify,
)
from contract.errors import SignatureError
from devices.keys import development_signer, development_verifier


def signed(payload: bytes = b"hello", kind: str = MANIFEST_TYPE) -> Envelope:
    signer = development_signer()
    return sign(kind, payload, signer.keyid, signer.sign, detached=False)


def test_the_encoding_is_the_one_of_the_standard() -> None:
    # The example of the DSSE specification, protocol.md.
    assert pre_authentication_encoding("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_an_envelope_survives_its_file_and_names_its_signer() -> None:
    envelope = parse_envelope(to_json(signed()), where="test")
    assert payload_of(envelope, where="test") == b"hello"
    keyid = verify(envelope, MANIFEST_TYPE, b"hello", development_verifier(), where="test")
    assert keyid == development_signer().keyid


def test_another_payload_another_type_and_a_foreign_key_are_refused() -> None:
    with pytest.raises(SignatureError, match="does not match"):
        verify(signed(), MANIFEST_TYPE, b"hullo", development_verifier(), where="test")
    with pytest.raises(SignatureError, match="not a"):
        verify(signed(), ASSIGNMENT_TYPE, b"hello", development_verifier(), where="test")
    with pytest.raises(SignatureError, match="nobody here trusts"):
        verify(signed(), MANIFEST_TYPE, b"hello", {}, where="test")


def test_a_signature_for_one_type_cannot_be_relabelled() -> None:
    relabelled = Envelope(payloadType=ASSIGNMENT_TYPE, signatures=signed().signatures)
    with pytest.raises(SignatureError, match="does not match"):
        verify(relabelled, ASSIGNMENT_TYPE, b"hello", development_verifier(), where="test")


@pytest.mark.parametrize("junk", [b"", b"[]", b"{}", b'{"payloadType": 1, "signatures": []}', b"\xff"])
def test_what_is_no_envelope_is_refused(junk: bytes) -> None:
    with pytest.raises(SignatureError):
        parse_envelope(junk, where="test")


def holding(*signatures: Signature) -> bytes:
    return to_json(Envelope(payloadType=MANIFEST_TYPE, signatures=signatures))


def test_keys_can_be_changed_with_two_signatures_but_none_signs_twice() -> None:
    old, new = signed().signatures[0], Signature(keyid="sha256:" + "1" * 64, sig="")
    both = parse_envelope(holding(new, old), where="test")
    assert verify(both, MANIFEST_TYPE, b"hello", development_verifier(), where="test") == old.keyid
    with pytest.raises(SignatureError, match="signs twice"):
        parse_envelope(holding(old, new, old), where="test")


def test_an_envelope_is_small() -> None:
    many = [Signature(keyid=str(number), sig="") for number in range(MOST_SIGNATURES + 1)]
    assert parse_envelope(holding(*many[1:]), where="test")
    with pytest.raises(SignatureError, match="signatures"):
        parse_envelope(holding(*many), where="test")
    with pytest.raises(SignatureError, match="at most"):
        parse_envelope(to_pretty_json(signed()) + b" " * MAX_BYTES, where="test")


@pytest.mark.parametrize("text", ["aGVsbG9=", "aGVsbG8", "aGVsbG8=\n", "aGVs bG8=", "aGVsbG8==", "-_==", "é"])
def test_base64_has_one_spelling(text: str) -> None:
    assert payload_of(Envelope(payloadType="", payload="aGVsbG8=", signatures=()), where="test") == b"hello"
    with pytest.raises(SignatureError, match="not Base64"):
        payload_of(Envelope(payloadType="", payload=text, signatures=()), where="test")
