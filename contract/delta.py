"""The delta's file: how the bytes of one bundle are told to whoever holds another one.

    8 bytes   MAGIC
    4 bytes   length of the packed header, little-endian
    header    one JSON object (`Header`), packed by zlib so that nobody needs zstandard to read it
    blobs     what the segments store, one behind the other and nothing else

The target is its segments' bytes in order. A segment's reference is base bytes; its method says what is made of them:

    copy        the reference itself; nothing stored
    difference  reference + difference, byte by byte modulo 256; one zstd frame of the segment's length
    changes     the same for few changes: two zstd frames of equal length, the first one's length (4 bytes,
                little-endian) before them. Byte i of the first says how many bytes stay as they are after the
                change before, byte i of the second what is added (modulo 256) to the byte that follows them
    patch       one zstd frame with the reference as raw-content dictionary, as `zstd --patch-from`; without a
                reference, the segment's bytes compressed by themselves

Every limit below is checked before a byte of the base is read, so a hostile delta cannot ask for more memory than an
honest one. This file knows no zstd: `edge/residue.py` decodes blobs, `converters/delta.py` makes them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import IO, Annotated, Literal

from msgspec import Meta, Struct

from contract.bundle import LIMIT_BYTES
from contract.codec import from_json, to_json
from contract.decoding import Positive
from contract.errors import UpdateError
from contract.manifest import Digest, MemberName, ModelName

SCHEMA = 1
SUFFIX = ".delta"
MAGIC = b"\x89EFdelta"
SEGMENT_BYTES = 1 << 20
"""Of the target, told by one segment: it is made in memory."""
REFERENCE_BYTES = 2 << 20
"""Of the base, read for one segment."""
STORED_BYTES = SEGMENT_BYTES + (64 << 10)
"""For one segment; zstd grows what it cannot shrink by a 256th at most."""
HEADER_BYTES = 256 << 10
"""Unpacked: about 10,000 segments or pieces, a few megabytes once they are objects."""
_LENGTH_BYTES = 4

Method = Literal["copy", "difference", "changes", "patch"]
Offset = Annotated[int, Meta(ge=0, le=LIMIT_BYTES)]
Length = Annotated[int, Meta(ge=1, le=LIMIT_BYTES)]


class DeltaError(UpdateError):
    """A delta that is damaged, hostile, for another base, or does not lead to its bundle."""


class Source(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One file of the base: a member of its bundle, `manifest.json` or `signature.json`."""

    name: MemberName
    size_bytes: Offset


class Piece(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Some bytes of the base."""

    source: Offset
    """Index into `Header.sources`."""
    offset: Offset
    size_bytes: Length


class Segment(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The next bytes of the target."""

    method: Method
    size_bytes: Annotated[int, Meta(ge=1, le=SEGMENT_BYTES)]
    stored_bytes: Annotated[int, Meta(ge=0, le=STORED_BYTES)]
    reference: tuple[Piece, ...] = ()

    @property
    def reference_bytes(self) -> int:
        """The pieces together."""
        return sum(piece.size_bytes for piece in self.reference)


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the delta is for, and its segments. Read strictly: it lives for one update, the next one has its own."""

    schema: int = SCHEMA
    base: Digest
    """The bundle it starts from."""
    base_manifest: Digest
    """Of that bundle's `manifest.json`, by which a folder with its files is known."""
    target: Digest
    """The bundle it leads to."""
    size_bytes: Length
    """Of the target's file."""
    name: ModelName
    version: Positive
    profile: str
    sources: tuple[Source, ...]
    segments: tuple[Segment, ...]

    @property
    def release(self) -> str:
        """The target's `NAME@VERSION`."""
        return f"{self.name}@{self.version}"


def write_delta(stream: IO[bytes], header: Header, blobs: Iterable[bytes]) -> None:
    """Write a delta: equal arguments give equal bytes. ValueError for a header beyond HEADER_BYTES."""
    if not fits(header):
        raise ValueError(f"the header is larger than the {HEADER_BYTES} bytes that are read")
    packed = zlib.compress(to_json(header), 9)
    stream.write(MAGIC + len(packed).to_bytes(_LENGTH_BYTES, "little") + packed)
    for blob in blobs:
        stream.write(blob)


def fits(header: Header) -> bool:
    """Whether a reader would take so large a header."""
    return len(to_json(header)) <= HEADER_BYTES


def read_header(stream: IO[bytes], *, where: str) -> Header:
    """The header, all of it checked against itself and the file's size; the stream then stands at the first blob.

    Raises DeltaError for anything `write_delta` would not write, OSError as the stream does.
    """
    size = stream.seek(0, 2)
    stream.seek(0)
    start = stream.read(len(MAGIC) + _LENGTH_BYTES)
    if start[: len(MAGIC)] != MAGIC or len(start) != len(MAGIC) + _LENGTH_BYTES:
        raise damaged("it is no delta", where)
    length = int.from_bytes(start[len(MAGIC) :], "little")
    if length > HEADER_BYTES:
        raise damaged(f"a packed header of {length} bytes, at most {HEADER_BYTES} are read", where)
    unpacked = _unpacked(stream.read(length), where)
    try:
        header = from_json(unpacked, Header, where=where, error=DeltaError, newest_schema=SCHEMA)
    except RecursionError as endless:
        raise damaged("its header is nested without end", where) from endless
    stored = size - len(start) - length
    for problem in _contradictions(header, stored):
        raise damaged(problem, where)
    return header


def is_delta(start: bytes) -> bool:
    """Whether a file that begins with `start` says of itself that it is a delta."""
    return start.startswith(MAGIC)


def damaged(what: str, where: str) -> DeltaError:
    """The error for a delta nobody can use."""
    return DeltaError(what, where=where, fix="Make or fetch the delta again, or use the whole bundle.")


def _unpacked(packed: bytes, where: str) -> bytes:
    """The header's JSON, never more than the limit of it."""
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(packed, HEADER_BYTES + 1)
    except zlib.error as problem:
        raise damaged(f"its header is damaged: {problem}", where) from problem
    if len(unpacked) > HEADER_BYTES or not unpacker.eof or unpacker.unused_data:
        raise damaged("its header is too large or cut short", where)
    return unpacked


def _contradictions(header: Header, stored: int) -> Iterable[str]:
    if len({source.name for source in header.sources}) != len(header.sources):
        yield "it names a file of the base twice"
    for number, segment in enumerate(header.segments):
        for problem in _segment_problems(segment, header.sources):
            yield f"segment {number}: {problem}"
    told = sum(segment.size_bytes for segment in header.segments)
    if told != header.size_bytes:
        yield f"its segments are {told} bytes, the bundle {header.size_bytes}"
    needed = sum(segment.stored_bytes for segment in header.segments)
    if needed != stored:
        yield f"{stored} bytes are stored, its segments need {needed}"


def _segment_problems(segment: Segment, sources: tuple[Source, ...]) -> Iterable[str]:
    if (segment.method == "copy") != (segment.stored_bytes == 0):
        yield f"{segment.stored_bytes} bytes stored for a {segment.method}"
    for piece in segment.reference:
        if piece.source >= len(sources):
            yield f"file {piece.source} of {len(sources)}"
        elif piece.offset + piece.size_bytes > sources[piece.source].size_bytes:
            yield f"it reads beyond the end of {sources[piece.source].name!r}"
    if segment.method == "patch":
        if segment.reference_bytes > REFERENCE_BYTES:
            yield f"a reference of {segment.reference_bytes} bytes, at most {REFERENCE_BYTES} are read"
    elif segment.reference_bytes != segment.size_bytes:
        yield f"{segment.size_bytes} bytes from a reference of {segment.reference_bytes}"
