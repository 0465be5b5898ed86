"""Attacks by the manifest: JSON that is wrong, ambiguous or made to be expensive, in a container that is right.

Each is signed with the trusted key, so that nothing but the reader of the manifest stands in its way. Most senders
have no such key; they send the same unsigned, and it is read before its signature is looked at.
"""

from __future__ import annotations

from contract.codec import to_pretty_json
from tests.contract.attack import Attack
from tests.contract.small_bundle import MEMBERS, MODEL, Promise, small_manifest, small_promise, wrapped

INVALID, SPELLED, CONTRADICTS = "not a valid Manifest", "is not spelled as we write it", "contradicts itself"
NAME_RULE = r"matching regex.*\$\.members\[2\]\.name"
RANGE = "Expected `int`"


def _said(old: str, new: str | bytes) -> Attack:
    return Attack(lambda: _edited(old, new), INVALID)


def _edited(old: str, new: str | bytes) -> bytes:
    """The good manifest with one place exchanged, signed anew."""
    good = small_promise()
    assert good.manifest.count(old.encode()) == 1, old
    return _wrap(good.manifest.replace(old.encode(), new if isinstance(new, bytes) else new.encode()))


def _wrap(manifest: bytes) -> bytes:
    return wrapped(Promise(manifest, MEMBERS))


def _unknown(value: str | bytes) -> bytes:
    """A field nobody knows: a reader skips it, and must not trip over it."""
    text = value if isinstance(value, bytes) else value.encode()
    return _edited('"schema": 1,', b'"schema": 1,\n  "x": ' + text + b",")


def _named(name: str) -> Attack:
    """One more member of that name, listed and there."""
    return Attack(lambda: _listing(name), NAME_RULE)


def _listing(*names: str) -> bytes:
    members = {**MEMBERS, **dict.fromkeys(names, b"#!/bin/sh")}
    return wrapped(Promise(to_pretty_json(small_manifest(members)), members))


def _listing_more_than_there_is() -> bytes:
    members = {**MEMBERS, "more.bin": b"more"}
    return wrapped(Promise(to_pretty_json(small_manifest(members)), MEMBERS))


def _listing_less_than_there_is() -> bytes:
    return wrapped(Promise(small_promise().manifest, {**MEMBERS, "more.bin": b"more"}))


def _listing_twice() -> bytes:
    text = small_promise().manifest
    begin = text.index(b'    {\n      "name": "labels.txt"')
    end = text.index(b"    }", begin) + 5
    return _wrap(text[:end] + b",\n" + text[begin:end] + text[end:])


def _listing_in_capitals() -> bytes:
    return _wrap(small_promise().manifest.replace(b'"sha256": "sha256:', b'"sha256": "SHA256:'))


def _of_axes(number: int) -> bytes:
    """The product of so many lengths took half a minute to compute before their number was bounded."""
    lengths = ",".join(["2147483647"] * number)
    return _edited("[\n        1,\n        3\n      ]", f"[{lengths}]")


ATTACKS: dict[str, Attack] = {
    "lists a path that climbs out": _named("../evil.sh"),
    "lists a path that climbs out later": _named("a/../../evil.sh"),
    "lists an absolute path": _named("/etc/cron.d/evil"),
    "lists a backslash": _named("..\\evil.sh"),
    "lists a parent folder": _named(".."),
    "lists this folder": _named("."),
    "lists an empty name": _named(""),
    "lists a NUL": _named("model\0.sh"),
    "lists a name with a line feed behind": _named("evil.sh\n"),
    "lists a hidden file": _named(".profile"),
    "lists a half-written slot": _named(".staging-evil"),
    "lists a case twin": _named("Model.tflite"),
    "lists a look-alike": _named("m\u043edel.tflite"),
    "lists a name of 64 letters": _named("a" * 64),
    "lists the slot's marker": Attack(lambda: _listing("bundle"), "'bundle' is a name of the bundle's own"),
    "lists the manifest": Attack(lambda: _edited('"name": "labels.txt"', '"name": "manifest.json"'), "own"),
    "lists the signature": Attack(lambda: _edited('"name": "labels.txt"', '"name": "signature.json"'), "own"),
    "lists a member twice": Attack(_listing_twice, "listed twice"),
    "lists more than there is": Attack(_listing_more_than_there_is, "not the ones the manifest lists"),
    "lists less than there is": Attack(_listing_less_than_there_is, "not the ones the manifest lists"),
    "lists 62 members too many": Attack(lambda: _listing(*(f"m{n}" for n in range(124))), "128 members in a directory"),
    "lists other sizes": Attack(lambda: _edited('"size_bytes": 140', '"size_bytes": 141'), "manifest lists"),
    "lists a size below nothing": _said('"size_bytes": 140', '"size_bytes": -140'),
    "lists a size with a fraction": _said('"size_bytes": 140', '"size_bytes": 140.0'),
    "lists a size of 2 GiB": _said('"size_bytes": 140', '"size_bytes": 2147483648'),
    "lists a size of 2^64": _said('"size_bytes": 140', '"size_bytes": 18446744073709551616'),
    "lists a digest in capitals": Attack(_listing_in_capitals, INVALID),
    "has a model nobody lists": Attack(lambda: _edited(f'"model": "{MODEL}"', '"model": "other.tflite"'), CONTRADICTS),
    "has golden frames nobody lists": Attack(
        lambda: _edited('"golden": null', '"golden": {"frames": 1, "tolerance": 0.5}'), "golden frames are announced"
    ),
    "is for another task than it answers": Attack(lambda: _edited('"task": "classify"', '"task": "detect"'), "answers"),
    "is nested 100,000 deep where nobody looks": Attack(lambda: _unknown("[" * 100_000), "recursion depth"),
    "is nested 100,000 deep and closed": Attack(lambda: _unknown("[" * 100_000 + "]" * 100_000), "recursion depth"),
    "is nested 100,000 objects deep": Attack(lambda: _wrap(b'{"x":' * 100_000), "recursion depth"),
    "has 5 MiB": Attack(lambda: _unknown('"' + "x" * (5 << 20) + '"'), "missing or too large"),
    "has an output of 100,000 axes": Attack(lambda: _of_axes(100_000), INVALID),
    "has an axis of no length": Attack(lambda: _edited("1,\n        3\n", "1,\n        0\n"), RANGE),
    "has an axis of 2^31": Attack(lambda: _edited("1,\n        3\n", "1,\n        2147483648\n"), RANGE),
    "says NaN": _said('"scale": 0.00392156862745098', '"scale": NaN'),
    "says infinity": _said('"scale": 0.00392156862745098', '"scale": Infinity'),
    "says 1e999": _said('"scale": 0.00392156862745098', '"scale": 1e999'),
    "says a whole number of 5000 digits": _said('"version": 1', '"version": 1' + "0" * 5000),
    "says version 2^63": _said('"version": 1', '"version": 9223372036854775808'),
    "says version 0": _said('"version": 1', '"version": 0'),
    "says version true": _said('"version": 1', '"version": true'),
    "says security level -1": _said('"security_level": 0', '"security_level": -1'),
    "says security level 2^64": _said('"security_level": 0', '"security_level": 18446744073709551616'),
    "says security floor 2^64, to shut a device for good": _said(
        '"security_floor": 0', '"security_floor": 18446744073709551616'
    ),
    "says a name with a line feed behind": _said('"name": "small"', '"name": "small\\n"'),
    "says one key twice": Attack(lambda: _edited('"version": 1,', '"version": 1,\n  "version": 2,'), SPELLED),
    "says an unknown key twice": Attack(lambda: _unknown('1,\n  "x": 2'), SPELLED),
    "says one key in two spellings": Attack(lambda: _edited('"version": 1,', '"versio\\u006e": 1,'), SPELLED),
    "is spaced otherwise": Attack(lambda: _edited('"version": 1,', '"version":  1,'), SPELLED),
    "ends otherwise": Attack(lambda: _wrap(small_promise().manifest + b"\n"), SPELLED),
    "hides bytes that are no UTF-8": Attack(lambda: _unknown(b'"\xff\xfe"'), SPELLED),
    "has a label that is no UTF-8": _said('"cat"', b'"c\xffat"'),
    "has a label of half a character": _said('"cat"', '"\\ud83e"'),
    "has a label that commands the terminal": _said('"cat"', '"\\u001b[2Jcat"'),
    "has a note of two lines": _said('"note": ""', '"note": "fine\\nTraceback (most recent call last):"'),
    "has a task that commands the terminal": _said('"task": "classify"', '"task": "\\u001b[2J\\nok"'),
    "has a task of a million letters": _said('"task": "classify"', '"task": "' + "x" * 1_000_000 + '"'),
    "begins with a byte order mark": Attack(lambda: _wrap(b"\xef\xbb\xbf" + small_promise().manifest), INVALID),
    "is UTF-16": Attack(lambda: _wrap(small_promise().manifest.decode().encode("utf-16")), INVALID),
    "is followed by another": Attack(lambda: _wrap(small_promise().manifest * 2), "trailing characters"),
    "is a list": Attack(lambda: _wrap(b"[]\n"), INVALID),
    "is null": Attack(lambda: _wrap(b"null\n"), INVALID),
    "is empty": Attack(lambda: _wrap(b""), INVALID),
    "is of schema 2": Attack(lambda: _edited('"schema": 1', '"schema": 2'), "schema 2 is newer than 1"),
    "is of schema 0": _said('"schema": 1', '"schema": 0'),
    'is of schema "1"': _said('"schema": 1', '"schema": "1"'),
}
