"""Two models laid side by side: each tensor beside its old self, wherever that moved to."""

from __future__ import annotations

import numpy as np

from converters.alignment import ALONE_BYTES, Stretch, align, without_islands
from converters.tensor_places import Place

RANDOM = np.random.default_rng(4)


def weights(size: int) -> bytes:
    """As int8 weights are: around zero, so that a difference to something unrelated has more bits than they have."""
    return np.clip(RANDOM.normal(0, 20, size).round(), -127, 127).astype(np.int8).tobytes()


def nudged(data: bytes) -> bytes:
    moved = RANDOM.random(len(data)) < 0.1
    return (np.frombuffer(data, np.uint8) + moved.astype(np.uint8)).tobytes()


FIRST, SECOND, OTHER = weights(4000), weights(5000), weights(5000)


def test_files_of_one_layout_are_one_stretch() -> None:
    places = [Place("a", 100, 4000), Place("b", 4120, 5000)]
    old = bytes(100) + FIRST + bytes(20) + SECOND + bytes(7)
    new = bytes(100) + nudged(FIRST) + bytes(20) + nudged(SECOND) + bytes(7)
    assert align(new, old, places, places) == [Stretch(0, len(new), 0)]


def test_a_tensor_that_moved_is_found_by_its_name_and_without_one_by_its_bytes() -> None:
    old = FIRST + OTHER + SECOND
    old_places = [Place("a", 0, 4000), Place("other", 4000, 5000), Place("b", 9000, 5000)]
    new = nudged(SECOND) + nudged(FIRST)
    for name in ("b", "unheard of"):
        found = align(new, old, [Place(name, 0, 5000), Place("a", 5000, 4000)], old_places)
        assert found == [Stretch(0, 5000, 9000), Stretch(5000, 9000, 0)]


def test_a_tensor_trained_anew_stays_alone() -> None:
    places = [Place("a", 0, 4000), Place("b", 4000, 5000)]
    found = align(nudged(FIRST) + OTHER, FIRST + SECOND, places, places)
    assert found == [Stretch(0, 4000, 0), Stretch(4000, 9000, None)]


def test_nothing_has_a_partner_outside_the_old_file() -> None:
    assert align(FIRST, b"", [Place("a", 0, 4000)], []) == [Stretch(0, 4000, None)]
    assert align(b"", FIRST, [], [Place("a", 0, 4000)]) == []


def test_all_of_the_new_file_is_there_in_order() -> None:
    for _ in range(50):
        old, new = RANDOM.bytes(int(RANDOM.integers(0, 3000))), RANDOM.bytes(int(RANDOM.integers(1, 3000)))
        places = [Place("x", at, 70) for at in range(3, len(new) - 70, 97)]
        at = 0
        for stretch in without_islands(align(new, old, places, [Place("y", 0, 70)] if len(old) >= 70 else [])):
            assert stretch.start == at
            assert stretch.base is None or 0 <= stretch.base <= len(old) - (stretch.end - stretch.start)
            at = stretch.end
        assert at == len(new)


def test_a_short_island_goes_under() -> None:
    end = 5000 + ALONE_BYTES // 2
    sea = [Stretch(0, 5000, None), Stretch(5000, end, 7), Stretch(end, 9000, None)]
    assert without_islands(sea) == [Stretch(0, 9000, None)]
    assert without_islands([Stretch(0, 10, 0)]) == [Stretch(0, 10, 0)]
