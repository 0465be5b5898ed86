"""Tensors that never meet share their place."""

from __future__ import annotations

from devices.cost.memory import Life, arena_bytes


def test_tensors_that_never_meet_share_and_those_that_do_not_stand_apart() -> None:
    assert arena_bytes([Life(1024, 0, 1), Life(512, 2, 3)]) == 1024
    assert arena_bytes([Life(1024, 0, 2), Life(512, 2, 3)]) == 1536
    assert arena_bytes([]) == 0
