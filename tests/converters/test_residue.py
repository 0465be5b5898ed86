"""A segment told in the fewest bytes, and told right: the device's own code gives it back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.delta import SEGMENT_BYTES, STORED_BYTES, Method, Piece
from converters.residue import Reference, Told, smallest
from edge.residue import target_bytes

RANDOM = np.random.default_rng(6)
SIZE = 20_000


def beside(data: bytes) -> Reference:
    return Reference((Piece(0, 0, len(data)),), data)


def given_back(told: Told, reference: bytes) -> bytes:
    known = bytearray(reference if told.segment.reference else b"")
    return bytes(target_bytes(told.segment, known, told.blob))


def moved(data: bytes, share: float) -> bytes:
    chosen = RANDOM.random(len(data)) < share
    steps = RANDOM.choice(np.array([1, 2, 254, 255], np.uint8), len(data))
    return (np.frombuffer(data, np.uint8) + chosen * steps).tobytes()


OLD = RANDOM.bytes(SIZE)


@pytest.mark.parametrize(
    ("new", "method", "share"),
    [
        (OLD, "copy", 0.0),
        (moved(OLD, 0.05), "changes", 0.07),
        (moved(OLD, 1.0), "difference", 0.26),
        (OLD[100:] + OLD[:100], "patch", 0.01),
        (bytes(SIZE), "patch", 0.01),
        (RANDOM.bytes(SIZE), "patch", 1.01),
    ],
)
def test_each_method_has_what_it_is_best_at(new: bytes, method: Method, share: float) -> None:
    told = smallest(new, beside(OLD), [beside(OLD)])
    assert told.segment.method == method
    assert len(told.blob) <= share * SIZE
    assert given_back(told, OLD) == new


def test_what_nothing_helps_with_stands_alone() -> None:
    assert smallest(RANDOM.bytes(SIZE), beside(OLD), [beside(OLD)]).segment.reference == ()


def test_a_segment_of_full_size_that_cannot_be_compressed_stays_within_the_limit() -> None:
    old, new = RANDOM.bytes(SEGMENT_BYTES), RANDOM.bytes(SEGMENT_BYTES)
    told = smallest(new, beside(old), [])
    assert len(told.blob) <= min(STORED_BYTES, 1.001 * SEGMENT_BYTES)
    assert given_back(told, old) == new


def test_few_changes_far_apart() -> None:
    """Steps of 1, of 256 and of many times that, and changes at both ends."""
    new = bytearray(OLD)
    for spot in {0, 1, 257, 513, 10_000, SIZE - 1, *RANDOM.integers(15_000, SIZE, 200).tolist()}:
        new[spot] = (new[spot] + int(RANDOM.integers(1, 256))) % 256
    told = smallest(bytes(new), beside(OLD), [])
    assert told.segment.method == "changes"
    assert given_back(told, OLD) == new


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_any_two_stretches(old: bytes, data: st.DataObject) -> None:
    new = data.draw(st.binary(min_size=len(old), max_size=len(old)))
    assert given_back(smallest(new, beside(old), [beside(old)]), old) == new
