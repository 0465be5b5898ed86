"""Near copies: the same picture recompressed, resized, a little brighter or moved by a pixel or two.

Two steps, both on a 32x32 thumbnail. A 64-bit fingerprint of its lowest frequencies finds candidates fast; a
correlation of the blurred colour thumbnails, after what most pictures of the set share was taken off, confirms them.
A fixed camera gives ten thousand pictures that all look alike at that size: what differs between them decides, not
the background. Who goes to which split, and what a person is told, is decided elsewhere.

The fingerprint is the "pHash" of C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions"
(2010): signs of low DCT coefficients around their median. Brightness and contrast drop out of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.frames import Pixels
from edge.opencv import cv2

BITS = 64
SIDE = 32
"""Pixels of a thumbnail each way; smaller pictures are not compared, they look alike without being copies."""
MOST_BITS = 12
"""Differing bits up to which two pictures are candidates; docs/datasets.md has what it was measured on."""
LEAST_CORRELATION = 0.95
"""Of what two thumbnails show beyond the rest of the set, from which they are near copies; measured there too."""
_BLUR = 1.0
"""Standard deviation in pixels of the thumbnail: forgives a shift that is a part of one of them."""
_FROM = 30
"""Pictures from which there is something most of them share; of fewer, the mean alone is taken off."""
_LEAST_SPREAD = 2.0
"""Grey levels: a thumbnail that varies less, beyond what is shared, tells nothing about whose copy it is."""
_BLOCK = 1024
"""Rows compared at once: 1,024 x 10,000 float32 are 40 MB."""

Pairs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Look:
    """What is kept of a picture to find its near copies by: 3 kB."""

    fingerprint: int
    thumbnail: Pixels
    """(32, 32, 3) uint8 BGR, its shape given up."""
    comparable: bool
    """Whether the picture has at least as many pixels each way as its thumbnail."""


def look(pixels: Pixels) -> Look:
    """The look of a picture, (H, W, 3) uint8 BGR."""
    return Look(fingerprint(pixels), _thumbnail(pixels), min(pixels.shape[:2]) >= SIDE)


def fingerprint(pixels: Pixels) -> int:
    """64 bits of (H, W, 3) uint8 BGR; few of them differ where pictures look alike."""
    grey = cv2.cvtColor(_thumbnail(pixels), cv2.COLOR_BGR2GRAY).astype(np.float32)
    low = cv2.dct(grey)[:_CORNER, :_CORNER].ravel()[_LOWEST]
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


def near_pairs(fingerprints: Sequence[int], most_bits: int = MOST_BITS) -> Pairs:
    """(P, 2) all pairs i < j whose fingerprints differ in at most `most_bits`, ascending; none is missed."""
    return np.concatenate([np.empty((0, 2), np.int64), *_near(fingerprints, most_bits)])


def near_copies(looks: Sequence[Look], most_bits: int = MOST_BITS) -> Pairs:
    """(P, 2) all pairs i < j of near copies, ascending: near fingerprints, confirmed by the thumbnails.

    Equal pictures are near copies as well, but for small and for nearly uniform ones: those are told by digests.
    """
    kept = np.array([number for number, seen in enumerate(looks) if seen.comparable], np.int64)
    if len(kept) < 2:
        return np.empty((0, 2), np.int64)
    shown = _particulars([looks[number].thumbnail for number in kept])
    near = _near([looks[number].fingerprint for number in kept], most_bits)
    return np.concatenate([np.empty((0, 2), np.int64), *(kept[_confirmed(pairs, shown)] for pairs in near)])


def _thumbnail(pixels: Pixels) -> Pixels:
    small: Pixels = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return small


_CORNER = 9


def _lowest() -> NDArray[np.int64]:
    """Places of the 64 lowest frequencies in a 9x9 corner without its first, which is the brightness."""
    rows, columns = np.divmod(np.arange(_CORNER**2), _CORNER)
    return np.argsort(rows + columns, kind="stable")[1 : BITS + 1]


_LOWEST = _lowest()


def _near(fingerprints: Sequence[int], most_bits: int) -> Iterator[Pairs]:
    """Near pairs by blocks of first pictures; all are compared, as products of -1 and 1, exact in float32."""
    stored = np.array(fingerprints, np.uint64).astype(">u8")
    signs = np.unpackbits(stored.view(np.uint8).reshape(-1, 8), axis=1).astype(np.float32) * 2 - 1
    for first in range(0, len(signs), _BLOCK):
        alike = signs[first : first + _BLOCK] @ signs[first:].T  # 64 minus twice the bits that differ
        i, j = np.nonzero(alike >= BITS - 2 * most_bits)
        later = i < j
        yield np.stack([i[later] + first, j[later] + first], axis=1).astype(np.int64)


def _confirmed(pairs: Pairs, shown: NDArray[np.float32]) -> Pairs:
    correlation = np.empty(len(pairs), np.float32)
    for begin in range(0, len(pairs), _BLOCK):
        i, j = pairs[begin : begin + _BLOCK].T
        correlation[begin : begin + _BLOCK] = np.einsum("pv,pv->p", shown[i], shown[j])
    return pairs[correlation >= LEAST_CORRELATION]


def _particulars(thumbnails: Sequence[Pixels]) -> NDArray[np.float32]:
    """(N, 3072) what each thumbnail shows beyond a constant and the median thumbnail, of length 1; 0 for next to none.

    Fitted rather than subtracted, so that a brighter copy keeps its direction.
    """
    blurred = [cv2.GaussianBlur(small.astype(np.float32), (0, 0), _BLUR) for small in thumbnails]
    values = np.array(blurred, np.float32).reshape(len(blurred), -1)
    values -= values.mean(axis=1, keepdims=True)
    if len(values) >= _FROM:
        shared = np.median(values, axis=0)
        shared -= shared.mean()
        shared /= max(float(np.linalg.norm(shared)), 1e-6)
        values -= np.outer(values @ shared, shared)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    tells = lengths >= _LEAST_SPREAD * np.sqrt(values.shape[1])
    return np.where(tells, values / np.maximum(lengths, 1e-6), 0).astype(np.float32)
