from __future__ import annotations

from collections.abc import Sequence

from contract.result import Detection
from contract.scene import Tracking
from edge.scene.tracks import Seen, Tracks
from tests.edge.scene.views import SIZE_WH, found


class ByLabel:
    """An associator for which the label is the thing."""

    def match(self, detections: Sequence[Detection], size_wh: tuple[int, int], at_ns: int) -> list[str | None]:
        return [detection.label if detection.label != "?" else None for detection in detections]


def followed(views: list[tuple[float, str]], tracking: Tracking) -> list[Seen]:
    """One answer each: its time, and who is on it, a letter each."""
    tracks = Tracks(tracking, ByLabel())
    return [tracks.update([found(0.5, 0.5, label=who) for who in people], SIZE_WH, at_s) for at_s, people in views]


def test_numbers_come_with_the_hits_in_the_order_of_appearance() -> None:
    seen = followed([(0, "b"), (1, "ab"), (2, "ab"), (3, "ba?")], Tracking(min_hits=3, lost_s=5))
    assert [[detection.track for detection in one.detections] for one in seen] == [
        [None], [None, None], [None, 1], [1, 2, None],
    ]  # fmt: skip
    assert [[track.number for track in one.appeared] for one in seen] == [[], [], [1], [2]]
    assert [track.number for track in seen[3].present] == [1, 2]


def test_what_is_missed_for_long_enough_has_left_with_its_times() -> None:
    seen = followed([(0, "a"), (1, "a"), (2, ""), (3, ""), (4, "")], Tracking(min_hits=1, lost_s=2))
    assert [len(one.left) for one in seen] == [0, 0, 0, 0, 1]
    (left,) = seen[4].left
    assert (left.first_s, left.last_s) == (0, 1)


def test_what_never_appeared_leaves_without_a_word() -> None:
    assert not any(one.left for one in followed([(0, "a"), (5, ""), (10, ""), (15, "")], Tracking(lost_s=1)))


def test_a_long_pause_loses_nobody_who_is_still_there_afterwards() -> None:
    # The motion gate was closed in between: nothing moved, so nobody left.
    seen = followed([(0, "a"), (60, "a"), (120, ""), (180, "a")], Tracking(min_hits=1, lost_s=2))
    assert [one.detections[0].track for one in seen if one.detections] == [1, 1, 1]


def test_several_leave_in_the_order_of_their_numbers() -> None:
    seen = followed([(0, "cab"), (9, ""), (18, ""), (27, "")], Tracking(min_hits=1, lost_s=2))
    assert [track.number for one in seen for track in one.left] == [1, 2, 3]
