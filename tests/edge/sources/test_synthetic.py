from __future__ import annotations

import numpy as np
import pytest

from contract.errors import ConfigError
from edge.frames import Frame
from edge.sources import open_source


def frames(text: str) -> list[Frame]:
    source = open_source(text)
    found = []
    while (frame := source.read(5.0)) is not None:
        found.append(frame)
    return found


def test_equal_options_give_equal_pixels_and_another_seed_gives_others() -> None:
    one, same, other = (frames(f"synthetic:?size=64x48&frames=3&seed={seed}") for seed in (1, 1, 2))
    for a, b, c in zip(one, same, other, strict=True):
        assert a.pixels is not None
        assert b.pixels is not None
        assert (a.pixels == b.pixels).all()
        assert (a.pixels != c.pixels).any()


def test_the_pattern_has_the_size_asked_for_and_moves() -> None:
    first, second = frames("synthetic:?size=64x48&frames=2")
    assert first.size_wh == (64, 48)
    assert first.pixels is not None
    assert second.pixels is not None
    assert (first.pixels != second.pixels).any()
    assert first.pixels.dtype == np.uint8


def test_with_a_rate_it_is_a_camera_that_keeps_time() -> None:
    source = open_source("synthetic:?size=64x48&fps=50&frames=6")
    assert source.live
    found = [source.read(5.0) for _ in range(6)]
    times = [frame.captured_mono for frame in found if frame is not None]
    assert times[-1] - times[0] > 0.09
    assert [frame.media_s for frame in found if frame is not None] == [n / 50 for n in range(6)]


def test_a_slow_camera_gives_up_waiting_when_it_is_told_to() -> None:
    slow = open_source("synthetic:?fps=0.01")
    slow.read(0.0)
    with pytest.raises(TimeoutError):
        slow.read(0.01)


@pytest.mark.parametrize(
    "options", ["size=64", "size=0x5", "size=axb", "fps=0", "fps=nan", "frames=-1", "colour=red", "size=9000x2"]
)
def test_a_wrong_option_is_named(options: str) -> None:
    with pytest.raises(ConfigError, match="synthetic:"):
        open_source(f"synthetic:?{options}")
