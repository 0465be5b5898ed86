"""One segment's bytes: each method gives what it says, and no blob makes more memory than a segment's."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from contract.delta import SEGMENT_BYTES, Method, Piece, Segment
from edge.residue import ResidueError, target_bytes
from tests.edge.hand_made_delta import changes, frame


def told(method: Method, size_bytes: int, blob: bytes, reference: bytes = b"") -> bytes:
    pieces = (Piece(0, 0, len(reference)),) if reference else ()
    return bytes(target_bytes(Segment(method, size_bytes, len(blob), pieces), bytearray(reference), blob))


@given(st.binary(min_size=1, max_size=9000))
def test_a_difference_is_added_byte_by_byte(reference: bytes) -> None:
    added = np.random.default_rng(len(reference)).integers(0, 256, len(reference), np.uint8)
    expected = (np.frombuffer(reference, np.uint8) + added).tobytes()
    assert told("difference", len(reference), frame(added.tobytes()), reference) == expected


def test_every_sum_of_two_bytes_is_right() -> None:
    ones, others = bytes(range(256)) * 256, b"".join(bytes([n]) * 256 for n in range(256))
    expected = bytes((one + other) % 256 for one, other in zip(ones, others, strict=True))
    assert told("difference", len(ones), frame(others), ones) == expected


def test_changes_stand_where_they_say() -> None:
    assert told("changes", 6, changes(b"\0\2", b"\1\xff"), b"abcdef") == b"bbccef"
    assert told("changes", 300, changes(b"\xff\0", b"\0\5"), bytes(300)) == bytes(256) + b"\5" + bytes(43)


def test_a_patch_looks_things_up_in_its_reference() -> None:
    words = np.random.default_rng(1).bytes(5000)
    blob = frame(words[1000:4000], words, level=19)
    assert len(blob) < 100
    assert told("patch", 3000, blob, words) == words[1000:4000]
    assert told("patch", 3000, frame(words[:3000])) == words[:3000]


def test_a_copy_is_its_reference() -> None:
    assert told("copy", 3, b"", b"abc") == b"abc"


def unsized(content: bytes) -> bytes:
    packer = zstandard.ZstdCompressor(write_content_size=False)
    return packer.compress(content)


def said_to_be(size_bytes: int, *, window: int | None = None) -> bytes:
    """A frame's start (RFC 8878, section 3.1.1.1) that promises `size_bytes`, then one empty last block."""
    descriptor = bytes([0xE0]) if window is None else bytes([0xC0, window])
    return b"\x28\xb5\x2f\xfd" + descriptor + size_bytes.to_bytes(8, "little") + b"\1\0\0"


@pytest.mark.parametrize(
    ("method", "blob"),
    [
        ("patch", frame(bytes(2**26))),
        ("patch", frame(bytes(101))),
        ("patch", frame(bytes(99))),
        ("patch", unsized(bytes(100))),
        ("patch", unsized(bytes(2**26))),
        ("patch", said_to_be(2**62)),
        ("patch", said_to_be(100)),
        ("patch", said_to_be(100, window=0xFF)),
        ("patch", frame(bytes(100)) + b"x"),
        ("patch", frame(bytes(100)) + frame(bytes(100))),
        ("patch", frame(bytes(100))[:-1]),
        ("patch", b"\x50\x2a\x4d\x18\x64\0\0\0" + bytes(100)),
        ("patch", b""),
        ("patch", bytes(50)),
        ("difference", frame(bytes(2**26))),
        ("difference", frame(bytes(101))),
        ("difference", b"x"),
        ("changes", changes(bytes(2**26), bytes(2**26))),
        ("changes", changes(bytes(101), bytes(101))),
        ("changes", changes(b"\x64", b"\1")),
        ("changes", changes(b"\0\0", b"\1")),
        ("changes", b"\xff\xff\xff\xff"),
        ("changes", b"\1"),
        ("changes", b""),
    ],
)
def test_a_blob_that_is_not_what_its_segment_says_is_refused_in_little_memory(method: Method, blob: bytes) -> None:
    told("patch", 1, frame(b"x"))
    tracemalloc.start()
    with pytest.raises(ResidueError):
        told(method, 100, blob, bytes(100))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * SEGMENT_BYTES


@given(st.binary(max_size=100), st.sampled_from(["patch", "difference", "changes"]))
def test_noise_is_refused_or_becomes_a_segment(noise: bytes, method: Method) -> None:
    with suppress(ResidueError):
        assert len(told(method, 50, noise, bytes(50))) == 50
