"""Which segments tell a bundle from another one: each large member by itself, everything small and between together.

A large member is told in two ways, laid tensor by tensor beside its old self and in plain slices with the old bytes
around as dictionary, and the smaller one taken; within both, each segment has its own smallest method.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from contract.delta import REFERENCE_BYTES, SEGMENT_BYTES, Piece, Source
from contract.manifest import Manifest
from converters.alignment import Stretch, align, without_islands
from converters.residue import Reference, Told, smallest
from converters.tensor_places import Place, tensor_places

LARGE_BYTES = 16 * 1024
"""Members from this size on are told by themselves."""
REST = "everything else"
_SEGMENT_COST, _PIECE_COST = 12, 6
"""About what one adds to the packed header, in bytes."""


class Files(NamedTuple):
    """A bundle's file, and where each of its members lies in it."""

    data: bytes
    manifest: Manifest
    places: tuple[Place, ...]

    def read(self, name: str) -> bytes:
        """The member's bytes; none where there is no such member."""
        return next((self.data[place.start : place.end] for place in self.places if place.name == name), b"")


class Part(NamedTuple):
    """Some bytes of the target in a row, told together."""

    name: str
    told: tuple[Told, ...]

    @property
    def cost(self) -> int:
        """Bytes of the delta's file, its share of the header estimated."""
        return sum(
            told.segment.stored_bytes + _SEGMENT_COST + _PIECE_COST * len(told.segment.reference) for told in self.told
        )


def files_of(data: bytes, manifest: Manifest) -> Files:
    """The members of a bundle that was checked."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        rows = archive.infolist()
    # A stored member begins behind its local header of 30 bytes and its name (APPNOTE 4.3.7); ours have no extra field.
    return Files(
        data, manifest, tuple(Place(r.filename, r.header_offset + 30 + len(r.filename), r.file_size) for r in rows)
    )


def sources_of(base: Files) -> tuple[Source, ...]:
    """How the header names the base's files."""
    return tuple(Source(place.name, place.size_bytes) for place in base.places)


def plan(base: Files, target: Files, *, aligned: bool = True) -> list[Part]:
    """All of the target's file, in order. Without `aligned`, in plain slices only, which keeps the header small."""
    parts = []
    at = 0
    for place in target.places:
        if place.size_bytes >= LARGE_BYTES:
            parts += [_rest(base, target.data[at : place.start]), _member(base, target, place, aligned)]
            at = place.end
    return [*parts, _rest(base, target.data[at:])]


def _rest(base: Files, data: bytes) -> Part:
    """Headers and small members, with all small members of the base as dictionary."""
    pieces: list[Piece] = []
    known = b""
    for source, place in enumerate(base.places):
        if place.size_bytes < LARGE_BYTES and len(known) + place.size_bytes <= REFERENCE_BYTES and place.size_bytes:
            pieces.append(Piece(source, 0, place.size_bytes))
            known += base.data[place.start : place.end]
    reference = Reference(tuple(pieces), known)
    return Part(REST, tuple(smallest(part, None, [reference]) for part in _slices(data)))


def _member(base: Files, target: Files, place: Place, aligned: bool) -> Part:
    """One large member, in the better of two ways."""
    new, old = target.data[place.start : place.end], base.read(place.name)
    if not old:
        return Part(place.name, tuple(smallest(part, None, []) for part in _slices(new)))
    known = _Known(next(n for n, source in enumerate(base.places) if source.name == place.name), old)
    ways = [Part(place.name, tuple(_plain(new, known)))]
    if aligned:
        places = [_tensors(place.name, data, files.manifest) for data, files in ((new, target), (old, base))]
        stretches = without_islands(align(new, old, *places))
        ways.append(Part(place.name, tuple(_beside(new, known, group) for group in _groups(stretches))))
    return min(ways, key=lambda part: part.cost)


def _tensors(name: str, data: bytes, manifest: Manifest) -> list[Place]:
    return tensor_places(data, manifest.format) if name == manifest.model else []


class _Known(NamedTuple):
    """The old self of a member."""

    source: int
    data: bytes

    def around(self, start: int, size_bytes: int) -> Reference:
        """As much as may be read, with the bytes from `start` in its middle."""
        first = start - (REFERENCE_BYTES - size_bytes) // 2
        first = max(0, min(first, len(self.data) - REFERENCE_BYTES))
        data = self.data[first : first + REFERENCE_BYTES]
        return Reference((Piece(self.source, first, len(data)),), data)

    def beside(self, stretches: Sequence[Stretch]) -> Reference:
        """The partners of stretches that all have one."""
        pieces = tuple(Piece(self.source, s.base, s.end - s.start) for s in stretches if s.base is not None)
        return Reference(pieces, b"".join(self.data[p.offset : p.offset + p.size_bytes] for p in pieces))


def _plain(new: bytes, known: _Known) -> Iterator[Told]:
    for number, data in enumerate(_slices(new)):
        yield smallest(data, None, [known.around(number * SEGMENT_BYTES, len(data))])


def _beside(new: bytes, known: _Known, group: Sequence[Stretch]) -> Told:
    start, end, base = group[0].start, group[-1].end, group[0].base
    around = known.around(start if base is None else base, end - start)
    return smallest(new[start:end], None if base is None else known.beside(group), [around])


def _groups(stretches: Sequence[Stretch]) -> Iterator[list[Stretch]]:
    """Neighbours that all have a partner, or that have none, a segment's length at most together."""
    held: list[Stretch] = []
    for stretch in chain.from_iterable(map(_pieces, stretches)):
        alike = bool(held) and (held[0].base is None) == (stretch.base is None)
        if held and not (alike and stretch.end - held[0].start <= SEGMENT_BYTES):
            yield held
            held = []
        held.append(stretch)
    if held:
        yield held


def _pieces(stretch: Stretch) -> Iterator[Stretch]:
    """The stretch in pieces of a segment's length."""
    for start in range(stretch.start, stretch.end, SEGMENT_BYTES):
        base = None if stretch.base is None else stretch.base + start - stretch.start
        yield Stretch(start, min(start + SEGMENT_BYTES, stretch.end), base)


def _slices(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), SEGMENT_BYTES):
        yield data[at : at + SEGMENT_BYTES]
