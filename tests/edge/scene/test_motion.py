from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.errors import DamagedFrameError
from contract.scene import Motion, Polygon
from edge.frames import Frame, Pixels
from edge.opencv import cv2
from edge.scene.masks import Masks
from edge.scene.motion import MotionGate
from tests.edge.scene.views import frame

NEVER = Motion(keep_alive_s=1000, hold_s=0)


class Street:
    """A view with structure, filmed by a sensor with noise under changing light; things stand in it as bright boxes."""

    def __init__(self, size_wh: tuple[int, int] = (640, 360), noise: float = 8.0) -> None:
        self._random = np.random.default_rng(7)
        width, height = size_wh
        coarse = self._random.integers(20, 160, (height // 20, width // 20, 3)).astype(np.uint8)
        self._view = cv2.resize(coarse, size_wh, interpolation=cv2.INTER_CUBIC).astype(np.float32)
        self._noise = noise

    def shot(self, light: float = 1.0, *, offset: float = 0.0, box: tuple[int, int, int, int] | None = None) -> Pixels:
        view = self._view.copy()
        if box is not None:
            left, top, width, height = box
            view[top : top + height, left : left + width] += 70
        view = view * light + offset + self._random.normal(0, self._noise, view.shape)
        return np.clip(view, 0, 255).astype(np.uint8)


def decisions(
    shots: list[Pixels], motion: Motion = NEVER, *, per_s: float = 10.0, mask: Polygon | None = None
) -> list[bool]:
    gate = MotionGate(motion, Masks([mask] if mask else []), "cam")
    return [gate.wants(frame(n, n / per_s, pixels), n / per_s) for n, pixels in enumerate(shots)]


def test_the_first_frame_is_wanted_and_a_still_noisy_view_is_not() -> None:
    street = Street()
    assert decisions([street.shot() for _ in range(30)]) == [True] + [False] * 29


@pytest.mark.parametrize("size_wh", [(640, 360), (1280, 720), (320, 180), (1000, 1000)])
def test_a_thing_that_comes_opens_the_gate_at_any_size(size_wh: tuple[int, int]) -> None:
    street = Street(size_wh)
    side = size_wh[1] // 8
    box = (size_wh[0] // 2, size_wh[1] // 2, side, side)
    assert decisions([street.shot(), street.shot(), street.shot(box=box)]) == [True, False, True]


def test_light_that_changes_slowly_or_at_once_is_no_motion() -> None:
    street = Street()
    drifting = [street.shot(1 + 0.3 * np.sin(n / 15)) for n in range(60)]
    assert sum(decisions(drifting)) == 1
    steps = [street.shot(), street.shot(1.3), street.shot(0.6), street.shot(offset=30), street.shot(0.8, offset=-15)]
    assert sum(decisions(steps)) == 1


def test_a_thing_is_seen_while_the_light_changes() -> None:
    street = Street()
    assert decisions([street.shot(), street.shot(1.3), street.shot(1.3, box=(300, 100, 50, 50))])[-1]


def test_masks_are_blind() -> None:
    street = Street()
    shots = [street.shot(), street.shot(box=(300, 100, 50, 50))]
    around = ((0.45, 0.25), (0.56, 0.25), (0.56, 0.45), (0.45, 0.45))
    elsewhere = ((0.0, 0.0), (0.2, 0.0), (0.2, 0.2), (0.0, 0.2))
    assert decisions(shots, mask=around) == [True, False]
    assert decisions(shots, mask=elsewhere) == [True, True]
    everything = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    assert decisions(shots, mask=everything) == [True, False]


def test_a_frame_is_wanted_at_least_so_often() -> None:
    street = Street()
    wanted = decisions([street.shot() for _ in range(25)], Motion(keep_alive_s=1.0, hold_s=0))
    assert [n for n, yes in enumerate(wanted) if yes] == [0, 10, 20]


def test_the_gate_stays_open_for_a_while_after_motion() -> None:
    street = Street()
    shots = [street.shot(), street.shot(box=(300, 100, 50, 50)), *(street.shot() for _ in range(10))]
    wanted = decisions(shots, Motion(keep_alive_s=1000, hold_s=0.5))
    assert wanted == [True] + [True] * 6 + [False] * 5


def test_what_was_parked_becomes_background() -> None:
    street = Street()
    parked = [street.shot(box=(300, 100, 50, 50)) for _ in range(60)]
    wanted = decisions([street.shot(), *parked], per_s=1.0)
    assert wanted[1]
    assert not any(wanted[40:])


def test_another_view_opens_once_and_becomes_the_background() -> None:
    street, other = Street(), Street()
    turned = [np.ascontiguousarray(other.shot()[::-1]) for _ in range(5)]
    assert decisions([street.shot(), *turned]) == [True, True, False, False, False, False]


def test_a_new_size_and_a_damaged_frame_do_not_stop_it() -> None:
    gate = MotionGate(NEVER, Masks([]), "cam")
    damaged = Frame.now("cam", 1, DamagedFrameError("cut short", where="cam", fix="None."))
    assert gate.wants(frame(0, 0.0, Street().shot()), 0.0)
    assert gate.wants(damaged, 0.1)
    assert gate.wants(frame(1, 0.1, np.zeros((0, 5, 3), np.uint8)), 0.1)
    assert not gate.wants(frame(2, 0.2, np.zeros((1, 1, 3), np.uint8)), 0.2)
    assert not gate.wants(frame(3, 0.3, np.zeros((200, 3000, 3), np.uint8)), 0.3)
    assert not gate.wants(frame(4, 0.4, np.zeros((201, 3001, 3), np.uint8)), 0.4)


def test_the_same_frames_give_the_same_decisions() -> None:
    def film() -> list[Pixels]:
        street = Street()
        return [street.shot(box=(n * 9, 100, 30, 30) if n % 20 > 10 else None) for n in range(40)]

    assert decisions(film()) == decisions(film())


def test_the_real_clip_opens_it_when_bottles_are_moved(shared_data: Path) -> None:
    video: Any = cv2.VideoCapture(str(shared_data / "video" / "bottle-detection.mp4"))
    shots = []
    while len(shots) < 150 and (read := video.read())[0]:
        shots.append(read[1])
    still = decisions([shots[0]] * 30, per_s=30)
    assert still == [True] + [False] * 29
    assert any(decisions(shots, per_s=30)[1:])
