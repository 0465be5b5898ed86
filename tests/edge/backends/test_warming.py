from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from contract.errors import BackendError
from contract.manifest import TensorSpec
from edge.backends import Backend, describe, open_backend
from edge.backends.onnx_providers import TENSORRT
from edge.backends.warming import WarmingBackend
from edge.quantisation import Tensor
from tests.edge.colours import MODELS

WAIT_S = 60.0


class Engine:
    """A stand-in for an accelerator: the real model's answers, marked by ten more on the first."""

    def __init__(self, *, renamed: bool = False) -> None:
        self._real = open_backend("onnx", MODELS / "colours_nchw.onnx")
        self.inputs = self._real.inputs
        self.outputs: tuple[TensorSpec, ...] = () if renamed else self._real.outputs
        self.closed = False

    name = "engine 1.0"

    def infer(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: answer + 10 for name, answer in self._real.infer(tensors).items()}

    def input_view(self, name: str) -> Tensor | None:
        return self._real.input_view(name)

    def close(self) -> None:
        self.closed = True


def warming(build: Callable[[threading.Event], Backend], **how: object) -> WarmingBackend:
    cpu = open_backend("onnx", MODELS / "colours_nchw.onnx")
    return WarmingBackend(cpu, build, wanted="TensorRT", **how)  # type: ignore[arg-type]


def write(backend: Backend, channel: int) -> None:
    view = backend.input_view("picture")
    assert view is not None
    view[...] = 0
    view[0, channel] = 1.0


def test_the_cpu_answers_until_the_engine_is_there_and_no_frame_is_lost() -> None:
    go = threading.Event()

    def build(_stop: threading.Event) -> Backend:
        assert go.wait(WAIT_S)
        return Engine()

    backend = warming(build)
    answers = []
    for frame in range(60):
        write(backend, frame % 3)
        if frame == 20:
            go.set()
            assert backend.wait(WAIT_S)  # ready between the writing and the inference
        answers.append(backend.infer({})["logits"].ravel().tolist())
    expected = [np.roll([8.0, 0.0, 0.0], frame % 3) + (10 if frame > 20 else 0) for frame in range(60)]
    assert answers == [row.tolist() for row in expected]
    assert backend.name == "engine 1.0"
    backend.close()


def test_an_input_that_is_not_written_again_keeps_its_value_over_the_change() -> None:
    backend = warming(lambda _stop: Engine())
    assert backend.wait(WAIT_S)
    write(backend, 1)
    assert backend.infer({})["logits"].tolist() == [[0.0, 8.0, 0.0]]
    assert backend.infer({})["logits"].tolist() == [[10.0, 18.0, 10.0]]
    backend.close()


def test_progress_can_be_read_from_another_thread_at_any_moment() -> None:
    go, now = threading.Event(), [100.0]

    def build(_stop: threading.Event) -> Backend:
        go.wait(WAIT_S)
        return Engine()

    backend = warming(build, expected_s=570.0, clock=lambda: now[0])
    for elapsed_s in (0.0, 1.0, 2.0):
        now[0] = 100.0 + elapsed_s
        building = describe(backend).building
        assert building is not None
        assert (building.elapsed_s, building.expected_s) == (elapsed_s, 570.0)
    assert describe(backend).device == "cpu"
    go.set()
    assert backend.wait(WAIT_S)
    assert describe(backend).building is None
    backend.close()


@pytest.mark.parametrize("renamed", [False, True])
def test_a_build_that_fails_stays_on_the_cpu_and_says_why(renamed: bool) -> None:
    def build(_stop: threading.Event) -> Backend:
        if renamed:
            return Engine(renamed=True)
        raise BackendError("it killed the process (SIGKILL)", where="TensorRT", fix="Free some memory.")

    backend = warming(build)
    assert backend.wait(WAIT_S)
    write(backend, 2)
    assert backend.infer({})["logits"].tolist() == [[0.0, 0.0, 8.0]]
    assert backend.infer({})["logits"].tolist() == [[0.0, 0.0, 8.0]]
    state = describe(backend)
    assert (state.device, state.building) == ("cpu", None)
    assert state.fallback is not None
    assert ("tensors are not the model's" if renamed else "SIGKILL") in state.fallback.cause
    backend.close()


def test_an_engine_that_fails_its_trial_never_serves() -> None:
    engine = Engine()

    def refuse(backend: Backend) -> None:
        raise BackendError("golden frame 2 is wrong", where=backend.name, fix="Keep the CPU.")

    backend = warming(lambda _stop: engine, accept=refuse)
    assert backend.wait(WAIT_S)
    assert engine.closed
    backend.infer({})
    assert backend.name.startswith("onnxruntime")
    fallback = describe(backend).fallback
    assert fallback is not None
    assert "golden frame 2 is wrong (engine 1.0)" in fallback.cause
    backend.close()


def test_closing_stops_the_build_and_closes_what_came_too_late() -> None:
    engine, stopped = Engine(), []

    def build(stop: threading.Event) -> Backend:
        stopped.append(stop.wait(WAIT_S))
        return engine

    backend = warming(build)
    backend.close()
    assert stopped == [True]
    assert engine.closed


def test_an_engine_that_was_ready_and_never_served_is_closed_too() -> None:
    engine = Engine()
    backend = warming(lambda _stop: engine)
    assert backend.wait(WAIT_S)
    backend.close()
    assert engine.closed


def test_no_engine_is_made_where_onnxruntime_has_no_tensorrt(tmp_path: Path) -> None:
    backend = open_backend("onnx", MODELS / "colours_nchw.onnx", device="tensorrt", engines=tmp_path)
    fallback = describe(backend).fallback
    assert fallback is not None
    assert TENSORRT in fallback.cause
    assert list(tmp_path.iterdir()) == []
