"""Attacks by assignments: what may arrive at `cam-1` of the fleet `test`, which must not move.

Whoever can write to the broker can send them; the worst of them are signed by the fleet's own key, for another
device or with a field that could do harm. Replays of an assignment this device accepted before are the business of
the walk's counter: `tests/edge/test_updater.py`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from contract.codec import to_json, to_pretty_json
from contract.dsse import ASSIGNMENT_TYPE, MANIFEST_TYPE, Envelope, sign
from contract.messages import Assignment
from devices.keys import development_signer
from tests.contract.attack import Attack, forged
from tests.contract.hostile_signatures import INVALID, MISMATCH, NOT_BASE64, UNTRUSTED
from tests.contract.small_bundle import signature_of, small_promise

FLEET, DEVICE = "test", "cam-1"
FOREIGN, BAD = "and this is test/cam-1", "not a valid Assignment"


def assignment(**changes: Any) -> Assignment:
    """A right one, but for `changes`; nothing checks them here."""
    fields: dict[str, Any] = {
        "fleet": FLEET,
        "device": DEVICE,
        "counter": 7,
        "digest": "sha256:" + "1" * 64,
        "name": "small",
        "version": 2,
        "size_bytes": 2000,
        "url": "http://fleet.example/small.bundle",
        "deadline": "2026-03-01T12:00:00Z",
    }
    return Assignment(**{**fields, **changes})


def envelope_of(body: bytes, kind: str = ASSIGNMENT_TYPE) -> Envelope:
    """Signed by the fleet's key."""
    key = development_signer()
    return sign(kind, body, key.keyid, key.sign, detached=False)


def sent(**changes: Any) -> bytes:
    """As it travels."""
    return to_json(envelope_of(to_json(assignment(**changes))))


def _altered(change: Callable[[Envelope], Envelope]) -> bytes:
    return to_json(change(envelope_of(to_json(assignment()))))


def _carrying(body: bytes) -> Callable[[Envelope], Envelope]:
    """Another payload under the right one's signature."""
    text = base64.b64encode(body).decode()
    return lambda good: Envelope(payloadType=good.payloadType, payload=text, signatures=good.signatures)


def _spelled(change: Callable[[str], str]) -> Callable[[Envelope], Envelope]:
    return lambda good: Envelope(payloadType=good.payloadType, payload=change(good.payload), signatures=good.signatures)


def _body(old: str, new: str) -> bytes:
    """Signed, with a field no struct of ours could be made to hold."""
    text = to_json(assignment()).decode()
    assert text.count(old) == 1, old
    return to_json(envelope_of(text.replace(old, new).encode()))


ATTACKS: dict[str, Attack] = {
    "is for another device": forged(lambda: sent(device="cam-2"), FOREIGN),
    "is for another fleet": forged(lambda: sent(fleet="tests"), FOREIGN),
    "is for a device in capitals": forged(lambda: sent(device="CAM-1"), FOREIGN),
    "is for a device with a line feed": forged(lambda: sent(device="cam-1\n"), FOREIGN),
    "is for a look-alike": forged(lambda: sent(device="\u0441am-1"), FOREIGN),
    "is for every device": forged(lambda: sent(device="+"), FOREIGN),
    "is for nobody": forged(lambda: sent(device=""), FOREIGN),
    "is a signed manifest": forged(
        lambda: to_json(envelope_of(small_promise().manifest, MANIFEST_TYPE)), "not a 'application/vnd.edgeferry.assi"
    ),
    "is a bundle's signature": forged(lambda: to_pretty_json(signature_of(small_promise().manifest)), "not a 'appl"),
    "is unsigned": forged(
        lambda: _altered(lambda good: Envelope(payloadType=good.payloadType, payload=good.payload, signatures=())),
        UNTRUSTED,
    ),
    "is not in an envelope": forged(lambda: to_json(assignment()), INVALID),
    "carries another's payload": forged(lambda: _altered(_carrying(to_json(assignment(version=1)))), MISMATCH),
    "carries a higher counter": forged(lambda: _altered(_carrying(to_json(assignment(counter=8)))), MISMATCH),
    "carries nothing": forged(lambda: _altered(_carrying(b"")), MISMATCH),
    "is written without padding": forged(lambda: _altered(_spelled(lambda text: text[:-2] + "A")), NOT_BASE64),
    "is written with a line feed": forged(lambda: _altered(_spelled(lambda text: text + "\n")), NOT_BASE64),
    "is written beyond ASCII": forged(lambda: _altered(_spelled(lambda text: "é" + text[1:])), NOT_BASE64),
    "is of counter 0": forged(lambda: _body('"counter":7', '"counter":0'), BAD),
    "is of counter -1": forged(lambda: _body('"counter":7', '"counter":-1'), BAD),
    "is of counter 7.5": forged(lambda: _body('"counter":7', '"counter":7.5'), BAD),
    "is of counter 1e400": forged(lambda: _body('"counter":7', '"counter":1e400'), BAD),
    "is of counter 2^63, to be the last for ever": forged(
        lambda: _body('"counter":7', '"counter":9223372036854775808'), BAD
    ),
    "is of a counter of 5000 digits": forged(lambda: _body('"counter":7', '"counter":1' + "0" * 5000), BAD),
    "is of schema 2": forged(lambda: _body('"schema":1', '"schema":2'), "schema 2 is newer"),
    "names a digest that climbs out": forged(lambda: sent(digest="sha256:../../../etc/passwd"), BAD),
    "names a digest with a line feed": forged(lambda: sent(digest="sha256:" + "1" * 64 + "\n"), BAD),
    "names a digest of another kind": forged(lambda: sent(digest="md5:" + "1" * 32), BAD),
    "names a size below nothing": forged(lambda: _body('"size_bytes":2000', '"size_bytes":-1'), BAD),
    "allows more than every error": forged(lambda: _body('"max_error_share":0.0', '"max_error_share":1.5'), BAD),
    "watches for no time": forged(lambda: _body('"health_s":60.0', '"health_s":0'), BAD),
    "watches no frame": forged(lambda: _body('"health_frames":30', '"health_frames":0'), BAD),
    "is nested 100,000 deep": forged(lambda: _body('"counter":7', '"x":' + "[" * 100_000), "recursion depth"),
    "is of 2 MiB": forged(lambda: sent(url="http://" + "x" * (2 << 20)), "at most 1048576"),
    "is nothing": forged(lambda: b"", INVALID),
    "is noise": forged(lambda: bytes(range(256)), INVALID),
}
