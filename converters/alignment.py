"""Two models laid side by side: which bytes of the old file most resemble each stretch of the new one.

A tensor is laid beside the old tensor of its name and size, or else beside the nearest one of its size; what stands
between tensors beside the bytes next to their neighbour's partner. A pair that does not pay is none: how many bits a
byte of the difference holds (its entropy) is compared with those of the byte itself, which is what zstd makes of
weights, give or take a per cent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from converters.tensor_places import Place

Bytes = NDArray[np.uint8]
TENSOR_BYTES = 64
"""A smaller tensor is part of what stands around it."""
ALONE_BYTES = 1024
"""A shorter stretch without a good partner takes a bad one: told by itself, it would cost more."""


class Stretch(NamedTuple):
    """Bytes `start` to `end` of the new file, and where in the old one their partners begin; None without any."""

    start: int
    end: int
    base: int | None


def align(new: bytes, old: bytes, new_places: Iterable[Place], old_places: Iterable[Place]) -> list[Stretch]:
    """All of `new` in order, as stretches; neighbours whose partners are neighbours too are one stretch."""
    fresh, known = np.frombuffer(new, np.uint8), np.frombuffer(old, np.uint8)
    tensors = [place for place in new_places if place.size_bytes >= TENSOR_BYTES]
    partners = _partners(fresh, known, tensors, list(old_places))
    aligned = []
    at, after = 0, 0
    for start, end, base in [*partners, Stretch(len(new), len(new), len(old))]:
        before = after if base is None else base - (start - at)
        aligned += [_best(fresh, known, at, start, (after, before)), Stretch(start, end, base)]
        at, after = end, after + end - at if base is None else base + end - start
    return list(_merged(stretch for stretch in aligned if stretch.end > stretch.start))


def without_islands(stretches: Sequence[Stretch]) -> list[Stretch]:
    """The same, with no short stretch that has a partner between long ones that have none."""
    grounds = []
    for alone, group in groupby(stretches, key=lambda stretch: stretch.base is None):
        run = list(group)
        island = not alone and len(run) < len(stretches) and run[-1].end - run[0].start < ALONE_BYTES
        grounds += [stretch._replace(base=None) if island else stretch for stretch in run]
    return list(_merged(grounds))


def _partners(fresh: Bytes, known: Bytes, new: Sequence[Place], old: Sequence[Place]) -> list[Stretch]:
    """Each new tensor beside its old one."""
    by_name = {(place.name, place.size_bytes): place.start for place in old}
    by_size: dict[int, list[int]] = {}
    for place in old:
        by_size.setdefault(place.size_bytes, []).append(place.start)
    found = []
    for place in new:
        named = by_name.get((place.name, place.size_bytes))
        candidates = by_size.get(place.size_bytes, []) if named is None else [named]
        found.append(_best(fresh, known, place.start, place.end, candidates))
    return found


def _best(fresh: Bytes, known: Bytes, start: int, end: int, candidates: Iterable[int]) -> Stretch:
    """The stretch beside the best of the candidates, or alone where none pays."""
    size = end - start
    possible = {base for base in candidates if 0 <= base <= len(known) - size}
    if size == 0 or not possible:
        return Stretch(start, end, None)
    stretch = fresh[start:end]
    cost, base = min((_entropy(stretch - known[base : base + size]), base) for base in possible)
    pays = size < ALONE_BYTES or cost < _entropy(stretch)
    return Stretch(start, end, base if pays else None)


def _entropy(values: Bytes) -> float:
    """Bits a byte, each byte taken by itself."""
    counts = np.bincount(values, minlength=256)
    shares = counts[counts > 0] / len(values)
    return float(-(shares * np.log2(shares)).sum())


def _merged(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    held: Stretch | None = None
    for stretch in stretches:
        if held is None:
            held = stretch
        elif stretch.base == (None if held.base is None else held.base + held.end - held.start):
            held = Stretch(held.start, stretch.end, held.base)
        else:
            yield held
            held = stretch
    if held is not None:
        yield held
