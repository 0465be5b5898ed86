"""What is fuzzed: each reader of bytes that strangers send, with inputs it takes and what must be true of its answer.

A target's `read` ends in a FerryError, or in an answer; an answer that means something else than was signed, or
that would not survive being written and read again, is a `SecondMeaning`.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from functools import cache, partial
from random import Random
from typing import Any, NamedTuple

import msgspec

from contract import delta, manifest
from contract.assignments import checked_assignment
from contract.codec import from_json, to_json, to_pretty_json
from contract.dsse import MANIFEST_TYPE, Envelope, parse_envelope, verify
from contract.errors import FerryError
from contract.messages import Ack, Assignment, Batch, Birth, Command, Presence, Reply, Reported, decode
from contract.messages import decode_assignment as read_assignment
from devices.keys import development_verifier
from edge.bundles import check_bundle
from scripts.benchmarks._mutation import Mutation, chosen, retold, turned
from tests.contract.any_zip import zipped
from tests.contract.hostile_assignments import DEVICE, FLEET, assignment, sent
from tests.contract.small_bundle import good_bundle, rows_of, signature_of, small_manifest, small_promise

TRUSTED = development_verifier()
_DIGEST = "sha256:" + "1" * 64
_AT = "2026-03-01T12:00:00Z"


class SecondMeaningError(Exception):
    """An input was taken that says something else than what it was made from."""


class Target(NamedTuple):
    """One reader."""

    read: Callable[[bytes], None]
    mutated: Mutation
    seeds: Callable[[], tuple[bytes, ...]]

    def input(self, chance: Random) -> bytes:
        """One wrong input, or by chance a right one."""
        return self.mutated(chance.choice(self.seeds()), chance)


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise SecondMeaningError(what)


def _read_bundle(data: bytes) -> None:
    """Nobody without the key makes a second file of a bundle, but for one that strangers signed as well."""
    checked = check_bundle(data, TRUSTED, where="fuzz")
    if data == good_bundle():
        return
    good = check_bundle(good_bundle(), TRUSTED, where="good")
    _must((checked.manifest, checked.members) == (good.manifest, good.members), "another bundle under one signature")
    envelope = parse_envelope(_signature_in(data), where="fuzz")
    theirs = [one for one in envelope.signatures if one.keyid in TRUSTED]
    _must(len(envelope.signatures) > 1 and theirs == list(_signature().signatures), "a second file of one bundle")


def _signature_in(data: bytes) -> bytes:
    """The last member of a bundle that was taken, so nothing stands between it and the directory."""
    return data[data.rindex(b"signature.json", 0, data.rindex(b"PK\1\2")) + 14 : data.index(b"PK\1\2")]


def _read_manifest(data: bytes) -> None:
    found = manifest.parse(data, where="fuzz")
    _must(manifest.parse(to_pretty_json(found), where="fuzz") == found, "a manifest that changes when written again")


def _read_signature(data: bytes) -> None:
    keyid = verify(parse_envelope(data, where="fuzz"), MANIFEST_TYPE, small_promise().manifest, TRUSTED, where="fuzz")
    found = {one.keyid: one.sig for one in parse_envelope(data, where="fuzz").signatures}
    right = {one.keyid: one.sig for one in _signature().signatures}
    _must(found[keyid] == right[keyid], "a second signature of one manifest")


def _read_sent(data: bytes) -> None:
    found = checked_assignment(data, TRUSTED, fleet=FLEET, device=DEVICE)
    _must(found == assignment(), "another assignment under one signature")


def _read_assignment(data: bytes) -> None:
    found = read_assignment(data, where="fuzz")
    _must(from_json(to_json(found), Assignment, where="fuzz", error=FerryError) == found, "an assignment that changes")


def _read_message(data: bytes, *, kind: str) -> None:
    found = decode(kind, data, where="fuzz")
    _must(decode(kind, to_json(found), where="fuzz") == found, "a message that changes when sent on")


def _read_delta(data: bytes) -> None:
    header = delta.read_header(io.BytesIO(data), where="fuzz")
    _must(sum(segment.size_bytes for segment in header.segments) == header.size_bytes, "segments beyond the bundle")


@cache
def _signature() -> Envelope:
    return signature_of(small_promise().manifest)


@cache
def _bundles() -> tuple[bytes, ...]:
    return (good_bundle(),)


@cache
def _manifests() -> tuple[bytes, ...]:
    plain = small_manifest()
    golden = manifest.Golden(frames=2, tolerance=0.5)
    evidence = manifest.Evidence(pictures=9, source=0.75, artifact=0.5, agreement=1.0)
    member = manifest.Member(name=manifest.GOLDEN, sha256=_DIGEST, size_bytes=9)
    rich = msgspec.structs.replace(
        plain, golden=golden, evidence=evidence, lineage={"weights": _DIGEST}, members=(*plain.members, member)
    )
    return to_pretty_json(plain), to_pretty_json(rich), to_json(rich)


@cache
def _signatures() -> tuple[bytes, ...]:
    return to_pretty_json(_signature()), to_json(_signature())


@cache
def _sent() -> tuple[bytes, ...]:
    return (sent(),)


@cache
def _assignments() -> tuple[bytes, ...]:
    return (to_json(assignment(issued_at=_AT, budget_bytes=5)),)


@cache
def _messages(kind: str) -> tuple[bytes, ...]:
    reported = Reported(
        sequence=4, at=_AT, counter=1, state="committed", digest=_DIGEST, running="small@1", running_digest=_DIGEST
    )
    birth: dict[str, Any] = {"profile": "rpi4", "edgeferry": "1", "python": "3.11", "backend": "b", "model": "small@1"}
    made = {
        "reported": Batch(boot="b", oldest=1, reported=(reported,)),
        "ack": Ack(boot="b", sequence=7),
        "birth": Birth(at=_AT, boot="b", digest=_DIGEST, holds=(_DIGEST,), tags={"hall": "3"}, **birth),
        "presence": Presence(boot="b", online=True),
        "command": Command(id="1", verb="ping"),
        "reply": Reply(id="1", ok=True),
    }
    return (to_json(made[kind]),)


@cache
def _deltas() -> tuple[bytes, ...]:
    """One of two segments; a blob of four bytes."""
    piece = delta.Piece(source=0, offset=0, size_bytes=10)
    header = delta.Header(
        base=_DIGEST,
        base_manifest=_DIGEST,
        target=_DIGEST,
        size_bytes=14,
        name="small",
        version=2,
        profile="rpi4",
        sources=(delta.Source(name="model.tflite", size_bytes=140),),
        segments=(
            delta.Segment(method="copy", size_bytes=10, stored_bytes=0, reference=(piece,)),
            delta.Segment(method="patch", size_bytes=4, stored_bytes=4),
        ),
    )
    stream = io.BytesIO()
    delta.write_delta(stream, header, [b"blob"])
    return (stream.getvalue(),)


def _header_retold(data: bytes, chance: Random) -> bytes:
    """The packed header unpacked, told otherwise and packed again."""
    packed = zlib.compress(retold(zlib.decompress(data[12:-4]), chance), 1)
    return data[:8] + len(packed).to_bytes(4, "little") + packed + data[-4:]


def _member_exchanged(_: bytes, chance: Random) -> bytes:
    """A right container around one member that is not, mostly manifest or signature."""
    rows = rows_of(small_promise())
    number = chance.choice((0, 0, 1, 2, 3, 3))
    mutation = retold if number in (0, 3) else turned
    data = mutation(rows[number].data, chance)
    rows[number] = rows[number]._replace(data=data, crc=zlib.crc32(data))
    return zipped(rows)


def _header_exchanged(_: bytes, chance: Random) -> bytes:
    """One to three fields of the headers wrong, on both sides, or on one."""
    rows = rows_of(small_promise())
    for _try in range(chance.choice((1, 1, 3))):
        number, side = chance.randrange(len(rows)), chance.choice(("both", "local", "central"))
        field = chance.choice(("needed", "flags", "method", "time", "date", "crc", "packed", "size", "extra_length"))
        width = 32 if field in ("crc", "packed", "size") else 16
        value = chance.choice((0, 1, 8, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)) % 2**width
        rows[number] = rows[number]._replace(**{side: {field: value}})
    return zipped(rows)


_TOLD = chosen((retold, retold, turned))
MESSAGES = ("reported", "ack", "birth", "presence", "command", "reply")
TARGETS: dict[str, Target] = {
    "bundle": Target(
        _read_bundle, chosen((turned, turned, _member_exchanged, _member_exchanged, _header_exchanged)), _bundles
    ),
    "manifest": Target(_read_manifest, _TOLD, _manifests),
    "signature": Target(_read_signature, _TOLD, _signatures),
    "sent assignment": Target(_read_sent, _TOLD, _sent),
    "assignment": Target(_read_assignment, _TOLD, _assignments),
    **{kind: Target(partial(_read_message, kind=kind), _TOLD, partial(_messages, kind)) for kind in MESSAGES},
    "delta": Target(_read_delta, chosen((_header_retold, _header_retold, turned)), _deltas),
}
