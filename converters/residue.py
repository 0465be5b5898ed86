"""One segment of a delta, told in the fewest bytes: the inverse of `edge/residue.py`.

Every method is tried and the smallest taken; zstd at its level 19, which no device pays for. Bytes are split no
further (into planes, or by channel): on int8 weights that never paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import zstandard
from numpy.typing import NDArray

from contract.delta import Method, Piece, Segment

Bytes = NDArray[np.uint8]
LEVEL = 19


class Told(NamedTuple):
    """A segment and what it stores."""

    segment: Segment
    blob: bytes


class Reference(NamedTuple):
    """Base bytes, and how a delta names them."""

    pieces: tuple[Piece, ...] = ()
    data: bytes = b""


def smallest(target: bytes, beside: Reference | None, around: Sequence[Reference]) -> Told:
    """`target` (a segment's length at most) in the fewest bytes.

    `beside` is base bytes of the same length, byte for byte; `around` are such as may serve as dictionaries. That it
    stands alone is tried in any case.
    """
    if beside is not None and beside.data == target:
        return _told("copy", target, beside, b"")
    tried = [_told("patch", target, reference, packed(target, reference.data)) for reference in (Reference(), *around)]
    if beside is not None:
        difference = np.frombuffer(target, np.uint8) - np.frombuffer(beside.data, np.uint8)
        tried.append(_told("difference", target, beside, packed(difference.tobytes())))
        tried.append(_told("changes", target, beside, _changes(difference)))
    return min(tried, key=lambda told: len(told.blob))


def packed(data: bytes, dictionary: bytes = b"") -> bytes:
    """`data` as one zstd frame that says its size, with `dictionary` as raw content before it."""
    known = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if dictionary else None
    chosen = zstandard.ZstdCompressionParameters.from_level(LEVEL, source_size=len(data), dict_size=len(dictionary))
    return zstandard.ZstdCompressor(dict_data=known, compression_params=chosen).compress(data)


def _changes(difference: Bytes) -> bytes:
    """The bytes that are not zero, each with the number of zeros before it; 255 zeros and a zero make a long way."""
    places = np.flatnonzero(difference)
    steps = np.diff(places, prepend=-1) - 1
    long = steps // 256
    rows = np.cumsum(long + 1) - 1
    stays = np.full(int(rows[-1]) + 1, 255, np.uint8)
    added = np.zeros_like(stays)
    stays[rows], added[rows] = steps % 256, difference[places]
    first = packed(stays.tobytes())
    return len(first).to_bytes(4, "little") + first + packed(added.tobytes())


def _told(method: Method, target: bytes, reference: Reference, blob: bytes) -> Told:
    return Told(Segment(method, len(target), len(blob), reference.pieces), blob)
