from __future__ import annotations

from msgspec.structs import replace

from edge.scene.clock import SceneClock
from tests.edge.scene.views import frame


def test_a_recording_has_its_own_time_and_a_camera_counts_from_its_first_frame() -> None:
    assert SceneClock().at_s(frame(40, 8.0)) == 8.0
    live = SceneClock()
    assert [live.at_s(replace(frame(n, 8.0 + n), media_s=None)) for n in range(3)] == [0.0, 1.0, 2.0]


def test_a_recording_that_begins_anew_goes_on() -> None:
    clock = SceneClock()
    assert [clock.at_s(frame(n, place)) for n, place in enumerate([0.0, 0.5, 1.0, 0.0, 0.5])] == [0, 0.5, 1, 1, 1.5]


def test_an_earlier_frame_keeps_its_time_when_later_ones_came_meanwhile() -> None:
    clock = SceneClock()
    frames = [frame(n, n / 10) for n in range(5)]
    first = [clock.at_s(one) for one in frames]
    assert [clock.at_s(one) for one in reversed(frames)] == first[::-1]
