"""Attacks on the container: a manifest that is right and rightly signed, in a ZIP that is not what we write.

What other readers of ZIP files were tricked with: names, duplicates, links, bombs, overlaps, two readings of one
file, and the edges of 32 bits. The name of each attack says what its sender hopes for.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from contract.manifest import NAME
from tests.contract.any_zip import Fields, Row, zip64_end, zip64_extra, zipped
from tests.contract.attack import Attack
from tests.contract.small_bundle import MEMBERS, MODEL, good_bundle, rows_of, small_promise

GIB = 1 << 30
_MODEL, _LABELS = 1, 2
DIRECTORY, LIST = "directory is not the one we write", "not the ones the manifest lists"
LOCAL, BETWEEN = "not where or what the directory says", "bytes between"
NOT_OURS, DAMAGED = "not a bundle, or cut short", "is damaged"


def _rows() -> list[Row]:
    return rows_of(small_promise())


def _altered(number: int = _MODEL, **changes: object) -> bytes:
    """The good bundle, and other fields of one row."""
    rows = _rows()
    rows[number] = Row(**{**rows[number]._asdict(), **changes})  # type: ignore[arg-type]
    return zipped(rows)


def _mode(mode: int) -> Mapping[str, Fields]:
    return {"central": {"external": mode << 16}}


def _with(extra: bytes, data: bytes = b"#!/bin/sh") -> bytes:
    """One more member, which the manifest does not list."""
    rows = _rows()
    return zipped([*rows[:-1], Row(extra, data, zlib.crc32(data)), rows[-1]])


def _ordered(*order: int) -> bytes:
    rows = _rows()
    return zipped([rows[number] for number in order])


def _deflated(size_bytes: int) -> bytes:
    """A bomb: kilobytes that say they become megabytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(size_bytes)) + packer.flush()
    return _altered(data=packed, both={"method": 8, "size": size_bytes})


def _sized(size_bytes: int) -> bytes:
    """A model that says it has so many bytes."""
    return _altered(both={"size": size_bytes, "packed": size_bytes})


def _huge_by_zip64(size_bytes: int) -> bytes:
    most = 2**32 - 1
    extra = zip64_extra(size_bytes)
    return _altered(both={"size": most, "packed": most}, local_extra=extra, central_extra=extra)


def _with_zip64_end() -> bytes:
    rows = _rows()
    plain = zipped(rows)
    start = plain.index(b"PK\1\2")
    length = len(plain) - 22 - start
    tail = zip64_end(len(rows), length, start, start + length)
    most = {"count_here": 0xFFFF, "count": 0xFFFF, "length": 2**32 - 1, "offset": 2**32 - 1}
    return zipped(rows, tail=tail, **most)


def _end(**fields: int) -> bytes:
    return zipped(_rows(), **fields)


def _overlapping() -> bytes:
    """Two names for one member's bytes: a bomb without compression (Fifield, "A better zip bomb", 2019)."""
    rows = _rows()
    data = rows[_MODEL]
    return zipped([*rows[:_LABELS], data._replace(name=b"labels.txt", shadow_of=_MODEL), rows[-1]])


def _swapped_bytes() -> bytes:
    """Another model of the same size, with the right checksum."""
    data = MEMBERS[MODEL][::-1]
    return _altered(data=data, crc=zlib.crc32(data))


ATTACKS: dict[str, Attack] = {
    "climbs out of the slot": Attack(lambda: _with(b"../evil.sh"), LIST),
    "climbs out after a folder": Attack(lambda: _with(b"a/../../evil.sh"), LIST),
    "names an absolute path": Attack(lambda: _with(b"/etc/cron.d/evil"), LIST),
    "climbs out the Windows way": Attack(lambda: _with(b"..\\evil.sh"), LIST),
    "ends its name with NUL": Attack(lambda: _with(b"labels.txt\0.sh"), LIST),
    "brings a member nobody promised": Attack(lambda: _with(b"extra.bin"), LIST),
    "brings a case twin": Attack(lambda: _with(b"Model.tflite"), LIST),
    "brings a slot's marker": Attack(lambda: _with(b"bundle"), LIST),
    "brings a half-written slot": Attack(lambda: _with(b".staging-" + b"0" * 40), LIST),
    "looks like the manifest in Cyrillic": Attack(lambda: _with("m\u0430nifest.json".encode()), LIST),
    "brings a name of 64 kB": Attack(lambda: _with(b"a" * 0xFFFF), "are not a bundle"),
    "brings a second manifest": Attack(lambda: _with(NAME.encode(), b"{}"), DIRECTORY),
    "brings a second model": Attack(lambda: _with(MODEL.encode(), b"other"), DIRECTORY),
    "brings a second signature": Attack(lambda: _with(b"signature.json", b"{}"), DIRECTORY),
    "leaves the model out": Attack(lambda: _ordered(0, 2, 3), LIST),
    "leaves the signature out": Attack(lambda: _ordered(0, 1, 2), "'signature.json' is missing"),
    "leaves the manifest out": Attack(lambda: _ordered(1, 2, 3), "'manifest.json' is missing"),
    "puts members in another order": Attack(lambda: _ordered(0, 2, 1, 3), LIST),
    "puts the signature first": Attack(lambda: _ordered(3, 0, 1, 2), LIST),
    "hides a program before": Attack(lambda: zipped(_rows(), prefix=b"MZ" * 40), NOT_OURS),
    "hides a program before, offsets mended": Attack(lambda: zipped(_rows(), prefix=b"MZ" * 40, shift=80), LOCAL),
    "hides bytes between members": Attack(lambda: _altered(padding=b"hidden"), LOCAL),
    "hides bytes before the directory": Attack(lambda: zipped(_rows(), gap=b"hidden"), BETWEEN),
    "hides bytes before the end": Attack(lambda: zipped(_rows(), tail=b"hidden"), NOT_OURS),
    "hides bytes behind": Attack(lambda: good_bundle() + b"hidden", NOT_OURS),
    "hides bytes in a comment": Attack(lambda: _end(comment_length=6) + b"hidden", NOT_OURS),
    "hides bytes in a member's comment": Attack(lambda: _altered(comment=b"hidden"), DIRECTORY),
    "hides bytes in a local extra field": Attack(lambda: _altered(local_extra=b"UT\2\0ab"), LOCAL),
    "hides bytes in a central extra field": Attack(lambda: _altered(central_extra=b"UT\2\0ab"), DIRECTORY),
    "appends a whole second archive": Attack(lambda: good_bundle() + good_bundle(2), NOT_OURS),
    "appends a second end record": Attack(lambda: good_bundle() + good_bundle()[-22:], NOT_OURS),
    "is a bomb of 64 MiB in 64 kB": Attack(lambda: _deflated(64 << 20), DIRECTORY),
    "is a bomb by overlapping members": Attack(_overlapping, LOCAL),
    "says deflated": Attack(lambda: _altered(both={"method": 8}), DIRECTORY),
    "says deflated in the local header alone": Attack(lambda: _altered(local={"method": 8}), LOCAL),
    "says encrypted": Attack(lambda: _altered(both={"flags": 1}), DIRECTORY),
    "says sizes come later": Attack(lambda: _altered(both={"flags": 8}), DIRECTORY),
    "says names are UTF-8": Attack(lambda: _altered(both={"flags": 0x800}), DIRECTORY),
    "is a symbolic link": Attack(lambda: _altered(**_mode(0o120777)), DIRECTORY),
    "is a FIFO": Attack(lambda: _altered(**_mode(0o010644)), DIRECTORY),
    "is a device file": Attack(lambda: _altered(**_mode(0o020644)), DIRECTORY),
    "is a folder": Attack(lambda: _altered(**_mode(0o040755)), DIRECTORY),
    "is a program with the set-user bit": Attack(lambda: _altered(**_mode(0o104755)), DIRECTORY),
    "carries another date": Attack(lambda: _altered(both={"date": 0x5A21}), DIRECTORY),
    "has another name in the local header": Attack(lambda: _altered(local_name=b"model.tflitf"), LOCAL),
    "has another size in the local header": Attack(lambda: _altered(local={"size": 1, "packed": 1}), LOCAL),
    "has another checksum in the local header": Attack(lambda: _altered(local={"crc": 1}), LOCAL),
    "has another size in the directory": Attack(lambda: _altered(central={"size": 1, "packed": 1}), LOCAL),
    "points into another member": Attack(lambda: _altered(central={"offset": 0}), LOCAL),
    "points behind the end": Attack(lambda: _altered(central={"offset": 2**32 - 1}), LOCAL),
    "has a wrong checksum": Attack(lambda: _altered(both={"crc": 1}), DAMAGED),
    "has other bytes of the right size": Attack(_swapped_bytes, "not the one the manifest was written for"),
    "says 2 GiB less a byte": Attack(lambda: _sized(2 * GIB - 1), LOCAL),
    "says 2 GiB": Attack(lambda: _sized(2 * GIB), LOCAL),
    "says 4 GiB less a byte": Attack(lambda: _sized(4 * GIB - 1), LOCAL),
    "says 4 GiB by ZIP64": Attack(lambda: _huge_by_zip64(4 * GIB), DIRECTORY),
    "says 2^64 less a byte by ZIP64": Attack(lambda: _huge_by_zip64(2**64 - 1), DIRECTORY),
    "brings a ZIP64 end": Attack(_with_zip64_end, NOT_OURS),
    "counts 65535 members": Attack(lambda: _end(count=0xFFFF, count_here=0xFFFF), "65535 members"),
    "counts no members": Attack(lambda: _end(count=0, count_here=0), "0 members"),
    "counts one member less": Attack(lambda: _end(count=3, count_here=3), DIRECTORY),
    "counts differently for this disk": Attack(lambda: _end(count_here=1), DIRECTORY),
    "lies on several disks": Attack(lambda: _end(disk=1), DIRECTORY),
    "puts its directory at 4 GiB": Attack(lambda: _end(offset=4 * GIB - 1), NOT_OURS),
    "says its directory has 4 GiB": Attack(lambda: _end(length=4 * GIB - 1), NOT_OURS),
    "is empty": Attack(lambda: b"", "0 bytes are not a bundle"),
    "is an empty archive": Attack(lambda: zipped([]), "0 members"),
    "is cut in the middle": Attack(lambda: good_bundle()[:700], NOT_OURS),
    "lacks its last byte": Attack(lambda: good_bundle()[:-1], NOT_OURS),
}
