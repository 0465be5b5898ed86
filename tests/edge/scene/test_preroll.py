from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.scene.preroll import Encoded, PreRoll


def test_older_frames_are_forgotten() -> None:
    before = PreRoll(1.0, 1000)
    for n in range(30):
        before.add(Encoded(n / 10, b"x"))
    assert [frame.at_s for frame in before] == [n / 10 for n in range(19, 30)]


@given(st.lists(st.integers(0, 150), max_size=50))
def test_it_never_holds_more_than_its_limit_and_keeps_the_latest(sizes: list[int]) -> None:
    before = PreRoll(1e9, 100)
    for n, size in enumerate(sizes):
        before.add(Encoded(float(n), b"x" * size))
        assert before.held_bytes == sum(len(frame.jpeg) for frame in before) <= 100
        if size <= 100:
            assert list(before)[-1].at_s == n
