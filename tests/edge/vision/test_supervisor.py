"""The agent's vision process, real processes with real models: what it answers, and that it is replaced in time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from contract.device import Inference
from contract.errors import BackendError, BundleError, GoldenError, SourceError
from contract.result import Result
from edge.deadline import StoppingError
from edge.slot import Slot
from edge.slots import Slots
from edge.telemetry import Window
from edge.vision.supervisor import Listener, LostError, Vision
from tests.edge.tiny_bundle import device_config, install, write_bundle

PATIENCE_S = 30.0
REPLACED_S = 2.0
"""What is promised; the machine that tests may be busy, so the test waits longer and the benchmark measures."""


class Heard:
    """What a supervisor told."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.windows: list[Window] = []
        self.gave_up: list[str] = []
        self.alive = 0
        self.serving = 0
        self.changed = threading.Condition()

    def listener(self) -> Listener:
        return Listener(
            result=lambda result: self._note(lambda: self.results.append(result)),
            window=lambda window: self._note(lambda: self.windows.append(window)),
            alive=lambda: self._note(lambda: setattr(self, "alive", self.alive + 1)),
            serving=lambda: self._note(lambda: setattr(self, "serving", self.serving + 1)),
            gave_up=lambda digest: self._note(lambda: self.gave_up.append(digest)),
        )

    def wait_until(self, holds: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(holds, PATIENCE_S)

    def _note(self, note: Callable[[], None]) -> None:
        with self.changed:
            note()
            self.changed.notify_all()


class Device:
    """Slots with two models, and the first one's vision process."""

    def __init__(self, folder: Path, source: str = "synthetic:?size=32x24&fps=100", **inference: object) -> None:
        self.slots = Slots(folder / "state")
        self.first, self.second = (install(self.slots, write_bundle(folder, version)) for version in (1, 2))
        self.heard = Heard()
        settings = Inference(**{"isolate": False, "threads": 1, **inference})  # type: ignore[arg-type]
        config = device_config(folder / "state", source, inference=settings)
        self.vision = Vision(config, self.slots.folder, self.heard.listener())

    @property
    def process(self) -> psutil.Process:
        """The one at work."""
        pid = self.vision.pid
        assert pid is not None
        return psutil.Process(pid)

    def answers_again(self) -> None:
        """Wait for frames that went through the loop from now on."""
        alive = self.heard.alive
        self.heard.wait_until(lambda: self.heard.alive > alive + 1)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    made = Device(tmp_path)
    made.vision.start(made.first)
    yield made
    made.vision.stop()
    made.vision.wait()


def test_results_windows_and_signs_of_life_come_through(device: Device) -> None:
    device.answers_again()
    assert device.vision.serving.release == "tiny@1"
    assert [result.classes[0].label for result in device.heard.results] == ["cat"]  # type: ignore[index]
    device.vision.stop()
    assert device.vision.wait().ledger.inferred > 0
    assert device.heard.windows[-1].model == "tiny@1"
    assert "edge.vision.child" not in [word for child in psutil.Process().children() for word in child.cmdline()]


def test_another_model_is_tried_unheard_then_serves_then_stays(device: Device) -> None:
    device.vision.prepare(device.second)
    device.vision.shadow(5)
    seen = device.vision.compared(PATIENCE_S)
    while seen is None or seen.numbers.frames < 5:
        seen = device.vision.compared(PATIENCE_S)
    assert (seen.agreement, seen.numbers.errors) == (1.0, 0)
    assert {result.model for result in device.heard.results} == {"tiny@1"}
    device.vision.switch()
    assert device.vision.serving.release == "tiny@2"
    numbers = device.vision.watched(PATIENCE_S)
    while numbers is None or numbers.frames < 5:
        numbers = device.vision.watched(PATIENCE_S)
    assert numbers.errors == 0
    device.vision.settle()
    device.answers_again()
    assert device.vision.restarts == {}


def test_going_back_needs_no_new_process(device: Device) -> None:
    pid = device.process.pid
    device.vision.prepare(device.second)
    device.vision.switch()
    device.vision.go_back(device.first)
    assert (device.vision.serving.release, device.process.pid) == ("tiny@1", pid)


def test_going_back_to_a_model_that_is_not_loaded_takes_a_new_process(device: Device) -> None:
    pid = device.process.pid
    device.vision.go_back(device.second)
    assert device.vision.serving.release == "tiny@2"
    assert device.process.pid != pid
    assert device.vision.restarts == {}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGILL])
def test_a_process_that_dies_is_replaced(device: Device, number: signal.Signals) -> None:
    device.process.send_signal(number)
    device.heard.wait_until(lambda: device.heard.serving == 2)
    device.answers_again()
    assert device.vision.restarts == {number.name: 1}


def test_the_next_process_waits_before_it_is_needed(device: Device) -> None:
    before = device.process.pid
    device.heard.wait_until(lambda: len(others(device)) == 1)
    (waiting,) = others(device)
    device.process.kill()
    device.heard.wait_until(lambda: device.heard.serving == 2)
    assert device.process.pid == waiting != before


def others(device: Device) -> list[int]:
    """Vision processes beside the one at work."""
    return [child.pid for child in psutil.Process().children() if child.pid != device.vision.pid]


def test_a_process_that_hangs_is_replaced(device: Device) -> None:
    device.answers_again()
    stopped = device.process
    stopped.send_signal(signal.SIGSTOP)
    device.heard.wait_until(lambda: device.heard.serving == 2)
    device.answers_again()
    assert device.vision.restarts == {"hung": 1}
    assert not stopped.is_running()


def test_a_process_that_holds_too_much_is_replaced(tmp_path: Path) -> None:
    # numpy and OpenCV alone are more than this.
    device = Device(tmp_path, process_limit_mib=64, source="synthetic:?size=1280x720&fps=20")
    device.vision.start(device.first)
    device.heard.wait_until(lambda: device.heard.serving >= 2)
    device.vision.stop()
    device.vision.wait()
    assert device.vision.restarts.keys() == {"memory"}


@pytest.mark.parametrize("switched", [False, True])
def test_a_model_that_takes_its_process_down_is_dropped_and_the_one_before_serves(
    device: Device, switched: bool
) -> None:
    device.vision.prepare(device.second)
    if switched:
        device.vision.switch()
    device.process.kill()
    device.heard.wait_until(lambda: device.heard.serving == (3 if switched else 2))
    with pytest.raises(LostError, match="died of SIGKILL"):
        device.vision.watched(PATIENCE_S)
    device.vision.go_back(device.first)
    assert device.vision.serving.release == "tiny@1"
    device.answers_again()


def test_a_process_that_dies_again_and_again_is_told_of(device: Device) -> None:
    while not device.heard.gave_up:
        serving = device.heard.serving
        device.process.kill()
        device.heard.wait_until(lambda before=serving: device.heard.serving > before or device.heard.gave_up)  # type: ignore[misc]
    assert device.heard.gave_up == [device.first.digest]


def test_a_wrong_golden_frame_is_an_error_of_the_order(device: Device, tmp_path: Path) -> None:
    wrong = install(device.slots, write_bundle(tmp_path, 3, golden="wrong"))
    with pytest.raises(GoldenError, match="wrong answer on golden frame 0"):
        device.vision.prepare(wrong)
    device.answers_again()


def broken_slot(device: Device) -> Slot:
    (device.first.folder / "labels.txt").unlink()
    return device.first


def test_what_keeps_a_first_model_from_serving_is_raised_and_another_may_begin(tmp_path: Path) -> None:
    device = Device(tmp_path)
    with pytest.raises(BundleError, match="not whole"):
        device.vision.start(broken_slot(device))
    device.vision.start(device.second)
    device.answers_again()
    device.vision.stop()
    device.vision.wait()


def test_a_camera_that_is_not_there_is_said(tmp_path: Path) -> None:
    device = Device(tmp_path, source="/dev/video99")
    with pytest.raises(SourceError, match="video99"):
        device.vision.start(device.first)


def test_a_camera_that_is_away_when_its_process_is_replaced_is_waited_for(tmp_path: Path) -> None:
    picture, away, camera = tmp_path / "picture.jpg", tmp_path / "away", tmp_path / "camera.sh"
    cv2.imwrite(str(picture), np.zeros((24, 32, 3), np.uint8))
    camera.write_text(f"[ -e {away} ] && exit 1\nwhile cat {picture}; do sleep 0.05; done\n")
    device = Device(tmp_path, source=f"pipe:sh {camera}")
    device.vision.start(device.first)
    device.answers_again()
    away.touch()
    device.process.kill()
    device.heard.wait_until(lambda: device.heard.serving == 2)
    device.answers_again()
    assert len(device.heard.results) == 1
    away.unlink()
    device.heard.wait_until(lambda: len(device.heard.results) == 2)
    device.vision.stop()
    assert device.vision.wait().trouble is None


def test_a_process_that_dies_at_once_is_said(tmp_path: Path) -> None:
    device = Device(tmp_path)
    dying = Vision(device.vision._config, device.slots.folder, device.heard.listener(), program=("/bin/false",))
    with pytest.raises(BackendError, match="ended with exit status 1 before it served"):
        dying.start(device.first)


def test_nothing_is_asked_of_a_process_that_is_not_to_come_back(device: Device) -> None:
    device.vision.stop()
    device.vision.wait()
    with pytest.raises(StoppingError):
        device.vision.prepare(device.second)
    device.vision.go_back(device.first)


def test_an_agent_that_is_gone_takes_its_vision_process_along(device: Device) -> None:
    process = device.process
    connection = device.vision._process
    assert connection is not None
    # What the kernel does when the agent's process ends: its end of standard input closes.
    assert connection._process.stdin is not None
    os.close(os.dup(connection._process.stdin.fileno()))
    connection._process.stdin.close()
    until = time.monotonic() + PATIENCE_S
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.01)
