from __future__ import annotations

import sys

import pytest

from contract.errors import MissingPartError
from contract.result import Detection
from contract.scene import Tracking
from edge.scene.tracking import ByteTracks
from tests.edge.scene.views import SIZE_WH, found

DEFAULT = Tracking()


def names(frames: list[list[Detection]], tracking: Tracking = DEFAULT) -> list[list[str | None]]:
    tracks = ByteTracks(tracking)
    return [tracks.match(detections, SIZE_WH, n * 100_000_000) for n, detections in enumerate(frames)]


def test_a_thing_that_moves_keeps_its_name_at_half_its_width_a_frame() -> None:
    path = names([[found(0.1 + 0.05 * n, 0.8)] for n in range(15)])
    assert len({name for (name,) in path}) == 1


def test_two_that_pass_each_other_keep_theirs() -> None:
    frames = [[found(0.1 + 0.03 * n, 0.8), found(0.9 - 0.03 * n, 0.65)] for n in range(28)]
    first, last = names(frames)[0], names(frames)[-1]
    assert len(set(first)) == 2
    path = names(frames)
    assert path[0] == path[-1]
    assert len(last) == 2


def test_a_rider_and_the_bicycle_are_two() -> None:
    frames = [[found(0.1 + 0.02 * n, 0.8), found(0.1 + 0.02 * n, 0.8, label="bicycle")][:: (-1) ** n] for n in range(9)]
    path = names(frames)
    assert path[0] == path[2] == path[1][::-1]
    assert path[0][0] != path[0][1]


def test_a_weak_detection_prolongs_a_track_and_begins_none() -> None:
    weak, strong = found(0.5, 0.8, score=0.3), found(0.5, 0.8)
    assert names([[weak]]) == [[None]]
    ((first,), (second,)) = names([[strong], [weak]])
    assert first is not None
    assert first == second


def test_it_is_found_again_within_the_time_and_not_after() -> None:
    def again_after(frames: int) -> bool:
        path = names([[found(0.5, 0.8)], *[[]] * frames, [found(0.5, 0.8)]], Tracking(lost_s=1))
        return path[0] == path[-1]

    assert again_after(8)
    assert not again_after(12)


def test_none_one_and_many_at_once_and_boxes_that_are_no_numbers() -> None:
    crowd = [found(0.01 * n, 0.9, wh=(0.008, 0.02)) for n in range(100)]
    broken = Detection(index=0, label="person", score=0.9, box_xyxy_px=(float("nan"), 0.0, 1.0, 1.0))
    empty = Detection(index=0, label="person", score=0.9, box_xyxy_px=(5.0, 5.0, 5.0, 5.0))
    path = names([[], crowd, crowd, [broken, crowd[0]], [empty], []])
    assert path[1] == path[2]
    assert len(set(path[1])) == 100
    assert path[3] == [None, path[1][0]]


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "edgefirst.tracker", None)
    with pytest.raises(MissingPartError, match=r"pip install 'edgeferry\[tracking\]'"):
        ByteTracks(Tracking())
