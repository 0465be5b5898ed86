from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from contract.result import ClassScore, Detection, FrameError, SceneEvent
from contract.scene import Labels, Line, Motion, Scene, Tracking, Zone
from edge.scene.watch import Watch
from tests.conftest import ROOT
from tests.edge.scene.views import answer, found, frame

YARD = Zone(name="yard", polygon=((0.4, 0.0), (1.0, 0.0), (1.0, 1.0), (0.4, 1.0)), dwell_s=0.5, inertia_frames=2)
DOOR = Line(name="door", begin=(0.6, 0.0), end=(0.6, 1.0))


def happened(scene: Scene, views: list[list[Detection]], *, per_s: float = 10.0) -> list[SceneEvent]:
    watch, events = Watch(scene, "cam"), []
    for index, detections in enumerate(views):
        result = watch.look(frame(index, index / per_s), answer(index, *detections))
        events += result.events if result.events is not UNSET else ()
    return events


def test_a_walk_through_the_view_is_told_from_its_beginning_to_its_end() -> None:
    walk = [[found(0.2 + 0.04 * n, 0.8)] for n in range(16)] + [[]] * 12
    events = happened(Scene(tracking=Tracking(lost_s=1), zones=(YARD,), lines=(DOOR,)), walk)
    assert [(event.kind, event.at_s, event.place, event.direction, event.seconds, event.count) for event in events] == [
        ("appeared", 0.2, "", "", None, None),
        ("entered-zone", 0.6, "yard", "", None, 1),
        ("dwelled", 1.0, "yard", "", 0.5, 1),
        ("crossed", 1.1, "door", "out", None, 1),
        ("left-zone", 2.6, "yard", "", 1.0, 0),
        ("left", 2.6, "", "", 1.5, None),
    ]
    assert {(event.track, event.label, event.score) for event in events} == {(1, "person", 0.9)}
    assert events[0].box_xyxy_px == (147.2, 180.0, 211.2, 288.0)


def test_detections_carry_the_track_once_it_has_appeared() -> None:
    watch = Watch(Scene(tracking=Tracking(min_hits=2)), "cam")
    results = [watch.look(frame(n, n / 10), answer(n, found(0.5, 0.5))) for n in range(3)]
    assert [[one.track for one in result.detections or ()] for result in results] == [[None], [1], [1]]
    assert [result.events is UNSET for result in results] == [True, False, True]


def test_what_is_no_detection_passes() -> None:
    watch = Watch(Scene(labels=Labels(deny=("cat",)), tracking=Tracking(min_hits=1)), "cam")
    failed = replace(answer(0), detections=UNSET, error=FrameError(cause="backend", where="x", fix="y"))
    assert watch.look(frame(0, 0.0), failed) is failed
    cats = (ClassScore(index=1, label="cat", score=0.9),)
    classified = watch.look(frame(1, 0.1), replace(answer(1), detections=UNSET, classes=cats))
    assert (classified.classes, classified.events) == ((), UNSET)


def test_an_empty_scene_wants_everything_and_adds_nothing() -> None:
    watch, result = Watch(Scene(), "cam"), answer(0, found(0.5, 0.5))
    assert watch.wants(frame(0, 0.0))
    assert watch.look(frame(0, 0.0), result) is result
    assert not watch.masks


def test_another_resolution_changes_nothing() -> None:
    scene = Scene(zones=(YARD,), lines=(DOOR,))
    walk = [[found(0.2 + 0.04 * n, 0.8)] for n in range(16)] + [[]] * 30
    small = [[replace(one, box_xyxy_px=tuple(edge / 4 for edge in one.box_xyxy_px)) for one in view] for view in walk]
    watch, events = Watch(scene, "cam"), []
    for index, detections in enumerate(small):
        pixels = frame(index, index / 10).pixels
        assert pixels is not None
        result = watch.look(frame(index, index / 10, pixels[::4, ::4]), answer(index, *detections))
        events += result.events if result.events is not UNSET else ()
    assert [(event.kind, event.at_s) for event in events] == [
        (event.kind, event.at_s) for event in happened(scene, walk)
    ]


def test_who_stands_still_behind_a_closed_gate_does_not_leave() -> None:
    watch = Watch(Scene(motion=Motion(keep_alive_s=5, hold_s=0), tracking=Tracking(min_hits=1, lost_s=2)), "cam")
    kinds = []
    for index in range(600):
        seen = frame(index, index / 20)
        if watch.wants(seen):
            result = watch.look(seen, answer(index, found(0.5, 0.5)))
            kinds += [event.kind for event in result.events or ()] if result.events is not UNSET else []
    assert kinds == ["appeared"]


def test_frames_looked_at_after_later_ones_were_asked_for_keep_their_time() -> None:
    watch = Watch(Scene(motion=Motion(), tracking=Tracking(min_hits=1)), "cam")
    first, second = frame(0, 0.0), frame(1, 0.25)
    watch.wants(first)
    watch.wants(second)
    result = watch.look(first, answer(0, found(0.5, 0.5)))
    assert result.events is not UNSET
    assert result.events[0].at_s == 0.0


def test_a_real_clip_says_the_same_in_two_processes_to_the_byte(shared_data: Path) -> None:
    def told() -> bytes:
        command = [sys.executable, "-m", "tests.edge.scene.replay", str(shared_data)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout

    first = told()
    assert first == told()
    lines = first.splitlines()
    assert len(lines) > 20
    for kind in (b"appeared", b"entered-zone", b"dwelled", b"left-zone", b"left"):
        assert any(b'"kind":"%s"' % kind in line for line in lines), kind


@pytest.mark.parametrize("empty", [[], [[]] * 3])
def test_nothing_seen_is_nothing_said(empty: list[list[Detection]]) -> None:
    assert happened(Scene(zones=(YARD,), lines=(DOOR,)), empty) == []
