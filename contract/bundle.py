"""The bundle's layout: one ZIP whose bytes follow from its content alone.

Stored members, fixed metadata, fixed order: `manifest.json` first, then the members in the manifest's order,
`signature.json` last. The reader rebuilds every header from names, sizes and checksums and demands those very
bytes, so no bit of a bundle is free: nothing hides between members, before the first or behind the last, and no two
programs can see different files in one bundle. Manifest and signature too must be spelled as they are written here.

`seal` and `open_bundle` work on streams their caller opened; this file knows no paths. Container format: PKWARE
APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory) and 4.3.16 (its end).
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, NamedTuple

from contract import manifest as manifests
from contract.codec import is_pretty_json, plain, to_pretty_json
from contract.digest import PREFIX
from contract.dsse import Envelope, parse_envelope
from contract.errors import BundleError, SignatureError
from contract.manifest import Manifest

SIGNATURE = "signature.json"
SUFFIX = ".bundle"
LIMIT_BYTES = 2**31 - 1
"""Below every 32-bit edge of the ZIP format; models for these devices are a thousandth of it."""
SMALL_BYTES = 4 * 1024**2
"""Manifest and signature; nothing larger is believed to be one."""
_CHUNK_BYTES = 256 * 1024
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_MOST_ENTRIES = manifests.MOST_MEMBERS + 2
_FIX = "Fetch or build the bundle again."
_VERSION, _UNIX_VERSION, _FIRST_OF_1980, _MODE = 20, 20 | 3 << 8, 0x21, 0o100644 << 16


class _Entry(NamedTuple):
    """One row of the central directory, as far as content decides it."""

    name: bytes
    crc: int
    size: int
    offset: int

    def local(self) -> bytes:
        fixed = _LOCAL.pack(
            b"PK\3\4", _VERSION, 0, 0, 0, _FIRST_OF_1980, self.crc, self.size, self.size, len(self.name), 0
        )
        return fixed + self.name

    def central(self) -> bytes:
        times = (0, 0, 0, _FIRST_OF_1980)
        sizes = (self.crc, self.size, self.size, len(self.name), 0, 0, 0, 0, _MODE, self.offset)
        return _CENTRAL.pack(b"PK\1\2", _UNIX_VERSION, _VERSION, *times, *sizes) + self.name

    @property
    def data_offset(self) -> int:
        return self.offset + _LOCAL.size + len(self.name)


def _directory(entries: list[_Entry], offset: int) -> bytes:
    rows = b"".join(entry.central() for entry in entries)
    return rows + _END.pack(b"PK\5\6", 0, 0, len(entries), len(entries), len(rows), offset, 0)


class Bundle:
    """An open bundle whose layout is right. Members are checked against the manifest as they are read."""

    def __init__(self, stream: IO[bytes], entries: Mapping[str, _Entry], where: str) -> None:
        self.where = where
        self._stream, self._entries = stream, entries
        self.manifest_bytes = self._small(manifests.NAME)
        self.manifest: Manifest = manifests.parse(self.manifest_bytes, where=f"{where}: {manifests.NAME}")
        self.signature_bytes = self._small(SIGNATURE)
        self.envelope: Envelope = parse_envelope(self.signature_bytes, where=f"{where}: {SIGNATURE}")
        if not is_pretty_json(self.manifest_bytes):
            raise _damaged(f"{manifests.NAME!r} is not spelled as we write it, or says something twice", where)
        # Nothing signs the envelope, so nothing else may be in it.
        if to_pretty_json(self.envelope) != self.signature_bytes or self.envelope.payload:
            raise SignatureError(
                "more than signatures, or otherwise spelled than we write it", where=f"{where}: {SIGNATURE}", fix=_FIX
            )

    def read(self, name: str) -> bytes:
        """The whole member `name`, its digest checked."""
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        """Member `name` piece by piece. BundleError behind its last byte where its digest is not the promised one."""
        member = next((m for m in self.manifest.members if m.name == name), None)
        if member is None:
            raise _damaged(f"the manifest lists no member {name!r}", self.where)
        entry, running, crc = self._entries[name], hashlib.sha256(), 0
        for at in range(0, entry.size, _CHUNK_BYTES):
            self._stream.seek(entry.data_offset + at)
            chunk = self._stream.read(min(_CHUNK_BYTES, entry.size - at))
            running.update(chunk)
            crc = zlib.crc32(chunk, crc)
            yield chunk
        if crc != entry.crc:
            raise _damaged(f"member {name!r} is damaged", self.where)
        if PREFIX + running.hexdigest() != member.sha256:
            raise _damaged(f"member {name!r} is not the one the manifest was written for", self.where)

    def verify_members(self) -> None:
        """Read everything once; raises BundleError at the first member that is not as promised."""
        for member in self.manifest.members:
            for _ in self.chunks(member.name):
                pass

    def _small(self, name: str) -> bytes:
        if name not in self._entries or self._entries[name].size > SMALL_BYTES:
            raise _damaged(f"{name!r} is missing or too large", self.where)
        entry = self._entries[name]
        self._stream.seek(entry.data_offset)
        data = self._stream.read(entry.size)
        if len(data) != entry.size or zlib.crc32(data) != entry.crc:
            raise _damaged(f"member {name!r} is damaged", self.where)
        return data


def seal(stream: IO[bytes], manifest: Manifest, members: Mapping[str, bytes], envelope: Envelope) -> None:
    """Write a bundle: equal arguments give equal bytes, on any day, machine and version of Python."""
    files = ((member.name, members[member.name]) for member in manifest.members)
    wrap(stream, to_pretty_json(manifest), files, to_pretty_json(envelope))


def wrap(stream: IO[bytes], manifest: bytes, members: Iterable[tuple[str, bytes]], signature: bytes) -> None:
    """Write a bundle of files that exist already, in the manifest's order; `open_bundle` says whether they are one.

    What a newer version said in its manifest is kept to the byte, and so is what was signed.
    """
    entries: list[_Entry] = []
    offset = 0
    for name, data in ((manifests.NAME, manifest), *members, (SIGNATURE, signature)):
        entry = _Entry(name.encode(), zlib.crc32(data), len(data), offset)
        stream.write(entry.local())
        stream.write(data)
        entries.append(entry)
        offset = entry.data_offset + entry.size
    stream.write(_directory(entries, offset))


def open_bundle(stream: IO[bytes], *, where: str) -> Bundle:
    """Check the layout, the manifest and every listed size; whose signature counts is `edge/trust.py`'s matter.

    Raises BundleError for anything that is not exactly what `seal` writes. The stream must stay open while the
    bundle is read.
    """
    entries = _entries(stream, where)
    bundle = Bundle(stream, {entry.name.decode("ascii", "replace"): entry for entry in entries}, where)
    listed = [(member.name.encode(), member.size_bytes) for member in bundle.manifest.members]
    found = [(entry.name, entry.size) for entry in entries]
    first, *between, last = found
    if first[0] != manifests.NAME.encode() or last[0] != SIGNATURE.encode() or between != listed:
        raise _damaged("its members are not the ones the manifest lists", where)
    return bundle


def _entries(stream: IO[bytes], where: str) -> list[_Entry]:
    """The central directory, every byte of it and of the local headers being what `seal` would write."""
    size = stream.seek(0, 2)
    if not _END.size <= size <= LIMIT_BYTES:
        raise _damaged(f"{size} bytes are not a bundle", where)
    stream.seek(size - _END.size)
    magic, _, _, _, count, length, offset, _ = _END.unpack(stream.read(_END.size))
    if magic != b"PK\5\6" or offset + length + _END.size != size:
        raise _damaged("not a bundle, or cut short", where)
    # Before anything is read by a stranger's numbers.
    if not 3 <= count <= _MOST_ENTRIES or length > count * (_CENTRAL.size + manifests.LONGEST_NAME):
        raise _damaged(f"{count} members in a directory of {length} bytes are not a bundle", where)
    stream.seek(offset)
    directory = stream.read(length + _END.size)
    entries = _rows(directory, count)
    if len({entry.name for entry in entries}) != count or _directory(entries, offset) != directory:
        raise _damaged("its directory is not the one we write", where)
    expected = 0
    for entry in entries:
        stream.seek(expected)
        if entry.offset != expected or stream.read(len(entry.local())) != entry.local():
            name = plain(entry.name.decode("ascii", "replace"))
            raise _damaged(f"member {name!r} is not where or what the directory says", where)
        expected = entry.data_offset + entry.size
    if expected != offset:
        raise _damaged("bytes between the members and the directory", where)
    return entries


def _rows(directory: bytes, count: int) -> list[_Entry]:
    """As many rows as can be read; the caller compares what they rebuild to."""
    entries: list[_Entry] = []
    at = 0
    while len(entries) < count and at + _CENTRAL.size <= len(directory):
        fields = _CENTRAL.unpack_from(directory, at)
        crc, size, name_length, offset = fields[7], fields[9], fields[10], fields[16]
        name = directory[at + _CENTRAL.size : at + _CENTRAL.size + name_length]
        entries.append(_Entry(name, crc, size, offset))
        at += _CENTRAL.size + name_length
    return entries


def _damaged(what: str, where: str) -> BundleError:
    return BundleError(what, where=where, fix=_FIX)
