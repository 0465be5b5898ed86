"""Real processes, killed for real: `tests/edge/test_worker.py` looks at what the child does when its parent goes."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.errors import BackendError, ConfigError, ModelError
from contract.manifest import Golden
from edge.backends import describe
from edge.crashes import MOST_REPLACEMENTS, Crashes
from edge.golden import check_golden
from edge.isolated import CrashLoopError, IsolatedBackend, IsolatedModel, load_isolated
from edge.model import Answer
from tests.edge.colours import DIGEST, LABELS, MODELS, golden_of, loaded, manifest_of, plain

FILES = ["colours_uint8.tflite", "colours_int8.tflite", "colours_float.tflite", "colours_nchw.onnx"]
GENEROUS_S = 30.0
"""Until the replacement answers; how long it really takes is `scripts/bench runtime`'s matter."""


@pytest.fixture
def models() -> Iterator[list[IsolatedModel]]:
    """Closed at the end."""
    opened: list[IsolatedModel] = []
    yield opened
    for model in opened:
        model.close()


def isolated(models: list[IsolatedModel], file: str = FILES[0], **settings: Any) -> IsolatedModel:
    model = load_isolated(manifest_of(file), DIGEST, MODELS / file, **settings)
    models.append(model)
    return model


def strike(model: IsolatedModel, number: signal.Signals) -> int:
    """Send a signal to the worker; its former pid."""
    pid = model.backend.pid
    assert pid is not None
    os.kill(pid, number)
    return pid


def answered(model: IsolatedModel, colour: str = "green") -> tuple[Answer, list[BackendError]]:
    """The first answer, and the errors on the way to it."""
    errors: list[BackendError] = []
    give_up_at = time.monotonic() + GENEROUS_S
    while time.monotonic() < give_up_at:
        answer = tried(model, colour)
        if isinstance(answer, Answer):
            return answer, errors
        errors.append(answer)
    raise AssertionError(f"no answer: {errors}")


def tried(model: IsolatedModel, colour: str) -> Answer | BackendError:
    """An answer, or why there is none; CrashLoopError is nothing to wait for."""
    try:
        return model.answer(plain(colour))
    except CrashLoopError:
        raise
    except BackendError as error:
        return error


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("file", FILES)
def test_it_answers_as_the_model_in_this_process_does(file: str, models: list[IsolatedModel]) -> None:
    here, there = loaded(file), isolated(models, file)
    for colour in LABELS:
        for size_wh in ((24, 16), (1280, 720), (31, 7)):
            assert (
                there.answer(plain(colour, size_wh)).decoded.classes
                == here.answer(plain(colour, size_wh)).decoded.classes
            )
    assert there.backend.name == here.backend.name
    assert describe(there.backend) == describe(here.backend)
    assert (there.release, there.digest, there.backend.inputs) == (here.release, here.digest, here.backend.inputs)


def test_raw_outputs_are_the_callers_to_keep(models: list[IsolatedModel]) -> None:
    model = isolated(models)
    (red,) = model.outputs_for(plain("red")[:, :, ::-1].copy()).values()
    before = red.copy()
    model.outputs_for(plain("blue")[:, :, ::-1].copy())
    assert (red == before).all()


def test_golden_frames_are_checked_through_it() -> None:
    golden = golden_of(loaded())
    manifest = manifest_of(golden=Golden(frames=len(LABELS), tolerance=0.02))
    model = load_isolated(manifest, DIGEST, MODELS / FILES[0])
    check_golden(model, golden)
    model.close()


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV, signal.SIGILL, signal.SIGKILL])
def test_a_worker_that_dies_under_a_frame_costs_that_frame(number: signal.Signals, models: list[IsolatedModel]) -> None:
    model = isolated(models, deadline_s=GENEROUS_S)
    pid = strike(model, signal.SIGSTOP)  # So that the frame is in hand for certain when it dies.
    os.kill(pid, number)
    if number != signal.SIGKILL:
        os.kill(pid, signal.SIGCONT)
    answer, errors = answered(model)
    assert answer.decoded.classes == loaded().answer(plain("green")).decoded.classes
    assert all(number.name in error.what for error in errors)
    assert model.restarts == {number.name: 1}
    assert not exists(pid)
    assert not model.exhausted


def test_a_worker_that_hangs_is_given_its_deadline_and_replaced(models: list[IsolatedModel]) -> None:
    model = isolated(models, deadline_s=0.3)
    pid = strike(model, signal.SIGSTOP)
    with pytest.raises(BackendError, match=r"the inference process did not answer within 0\.3 s"):
        model.answer(plain("red"))
    assert not exists(pid)
    model.backend.deadline_s = GENEROUS_S
    answer, _ = answered(model, "red")
    assert isinstance(answer.decoded.classes, tuple)
    assert answer.decoded.classes[0].label == "red"
    assert model.restarts == {"hung": 1}


def test_a_slow_answer_is_waited_for_and_the_worker_started_in_case_goes_again(models: list[IsolatedModel]) -> None:
    model = isolated(models, deadline_s=GENEROUS_S)
    model.backend.deadline_s = 4.0
    pid = strike(model, signal.SIGSTOP)
    # Beyond the share of the deadline after which it is suspected, and well before its end.
    timer = threading.Timer(2.2, os.kill, (pid, signal.SIGCONT))
    timer.start()
    answer = model.answer(plain("blue"))
    timer.join()
    assert isinstance(answer.decoded.classes, tuple)
    assert answer.decoded.classes[0].label == "blue"
    in_case = model.backend._coming
    assert in_case is not None
    model.answer(plain("red"))
    assert not exists(in_case.pid)
    assert model.backend.pid == pid
    assert model.restarts == {}


def test_one_that_died_while_nobody_asked_costs_no_frame_with_a_standby(models: list[IsolatedModel]) -> None:
    model = isolated(models, standby=True)
    wait_until_loaded(model)
    pid = strike(model, signal.SIGKILL)
    wait_for(lambda: Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z")
    model.answer(plain("blue"))
    assert model.restarts == {"SIGKILL": 1}
    assert model.backend.pid not in (None, pid)


def test_a_standby_that_died_unnoticed_is_made_up_for(models: list[IsolatedModel]) -> None:
    model = isolated(models, standby=True)
    wait_until_loaded(model)
    coming = model.backend._coming
    assert coming is not None
    os.kill(coming.pid, signal.SIGKILL)
    strike(model, signal.SIGKILL)
    answered(model)
    assert model.restarts == {"SIGKILL": 2}


def test_without_room_for_a_process_there_is_a_word_and_another_try(
    models: list[IsolatedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = isolated(models)
    model.backend.crashes = Crashes(most=1000)
    python = sys.executable
    monkeypatch.setattr(sys, "executable", "/absent/python")
    strike(model, signal.SIGKILL)
    tried(model, "red")  # This one may still learn how the old worker ended.
    with pytest.raises(BackendError, match="the inference process could not be started: No such file"):
        model.answer(plain("red"))
    monkeypatch.setattr(sys, "executable", python)
    answered(model)
    assert set(model.restarts) == {"SIGKILL", "start"}


def test_a_loop_of_crashes_ends_in_a_last_word(models: list[IsolatedModel]) -> None:
    model = isolated(models)
    for _ in range(MOST_REPLACEMENTS):
        strike(model, signal.SIGSEGV)
        answered(model)
    assert not model.exhausted
    pid = strike(model, signal.SIGSEGV)
    with pytest.raises(CrashLoopError, match="more than 3 times within 60 s; the last one died of SIGSEGV"):
        answered(model)
    assert model.exhausted
    assert not exists(pid)
    with pytest.raises(CrashLoopError):
        model.answer(plain("red"))
    assert model.restarts == {"SIGSEGV": MOST_REPLACEMENTS + 1}


def test_one_that_grows_beyond_its_memory_is_replaced_between_two_frames(models: list[IsolatedModel]) -> None:
    model = isolated(models, memory_limit_bytes=2**40)
    model.answer(plain("red"))
    first = model.backend.pid
    model.backend._memory_limit_bytes = 1  # As if it had leaked up to the limit.
    model.backend._look_at_memory_at = 0.0
    answered(model)
    assert model.restarts == {"memory": 1}
    assert model.backend.pid != first


def test_a_model_that_never_fits_into_the_limit_is_refused() -> None:
    with pytest.raises(BackendError, match=r"it needs .* MiB and the limit is 1 MiB"):
        load_isolated(manifest_of(), DIGEST, MODELS / FILES[0], memory_limit_bytes=2**20)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        pytest.param("colours_uint8.tflite", {993: 128}, id="a tensor's offset"),
        pytest.param("colours_uint8.tflite", {1448: 1}, id="an operator's option"),
    ],
)
def test_a_file_that_crashes_the_library_is_refused_in_words(file: str, change: dict[int, int]) -> None:
    with pytest.raises(ModelError, match=r"the process that opened it died of SIG|not a model this library can run"):
        load_isolated(manifest_of(file), DIGEST, changed(file, change))


def test_a_file_that_hangs_the_library_is_refused_in_words() -> None:
    file = "colours_float.tflite"
    with pytest.raises(ModelError, match=r"the process that opened it did not have the model ready within 5\.0 s"):
        load_isolated(manifest_of(file), DIGEST, changed(file, {373: 255, 1430: 57}), load_timeout_s=5.0)


def changed(file: str, change: dict[int, int]) -> bytes:
    """A model with single bytes changed, found by trying some thousands: LiteRT 2.3 opens it and does not come back."""
    data = bytearray((MODELS / file).read_bytes())
    for place, value in change.items():
        data[place] = value
    return bytes(data)


@pytest.mark.parametrize("data", [b"", b"no model", b"\x00" * 5000])
def test_what_the_library_refuses_is_refused_as_in_this_process(data: bytes) -> None:
    with pytest.raises(ModelError) as refused:
        load_isolated(manifest_of(), DIGEST, data)
    assert refused.value.where == "the model"
    assert "/proc/" not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be opened: No such file"):
        load_isolated(manifest_of(), DIGEST, tmp_path / "absent.tflite")


def test_a_file_that_is_not_what_the_manifest_promises() -> None:
    with pytest.raises(ModelError, match=r"the manifest promises .* and the file has"):
        load_isolated(manifest_of("colours_int8.tflite"), DIGEST, MODELS / "colours_uint8.tflite")


def test_a_device_that_is_none_is_refused_as_in_this_process() -> None:
    with pytest.raises(ConfigError, match="no device 'gpu'"):
        load_isolated(manifest_of(), DIGEST, MODELS / FILES[0], device="gpu")


def test_a_deadline_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="a deadline of 0 s"):
        load_isolated(manifest_of(), DIGEST, MODELS / FILES[0], deadline_s=0.0)


def test_the_model_file_may_go_once_it_is_open(tmp_path: Path, models: list[IsolatedModel]) -> None:
    copy = tmp_path / "copy.tflite"
    copy.write_bytes((MODELS / FILES[0]).read_bytes())
    model = load_isolated(manifest_of(), DIGEST, copy)
    models.append(model)
    copy.unlink()
    strike(model, signal.SIGKILL)
    answered(model)


@pytest.mark.parametrize(
    "tensor", [np.zeros((1, 16, 24, 3), np.float32), np.zeros((1, 3), np.uint8), np.zeros((), np.uint8)]
)
def test_a_tensor_of_another_kind_is_refused(tensor: Any, models: list[IsolatedModel]) -> None:
    model = isolated(models)
    with pytest.raises(BackendError, match="which the model does not take"):
        model.backend.infer({model.manifest.inputs[0].name: tensor})
    with pytest.raises(BackendError, match="which the model does not take"):
        model.backend.infer({"another": tensor})
    model.answer(plain("red"))
    assert model.restarts == {}


def growing_onnx(least: int) -> bytes:
    """Where a picture (1, 3, 16, 24) is above 0.5, as (4, N) int64, with `least` places more at the end."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [
            helper.make_node("Greater", ["picture", "half"], ["bright"]),
            helper.make_node("NonZero", ["bright"], ["found"]),
            helper.make_node("Concat", ["found", "more"], ["places"], axis=1),
        ],
        "growing",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, (1, 3, 16, 24))],
        [helper.make_tensor_value_info("places", TensorProto.INT64, (4, None))],
        [
            numpy_helper.from_array(np.array(0.5, np.float32), "half"),
            numpy_helper.from_array(np.zeros((4, least), np.int64), "more"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def open_growing(least: int) -> IsolatedBackend:
    return IsolatedBackend(
        "onnx",
        growing_onnx(least),
        threads=1,
        device="auto",
        profile="",
        deadline_s=None,
        memory_limit_bytes=None,
        standby=False,
        load_timeout_s=GENEROUS_S,
    )


def test_outputs_may_come_in_another_size_for_every_frame() -> None:
    backend = open_growing(1)
    dark, bright = (np.full((1, 3, 16, 24), value, np.float32) for value in (0, 1))
    for picture, places in ((dark, 1), (bright, 1153), (dark, 1), (bright, 1153)):
        (found,) = backend.infer({"picture": picture}).values()
        assert found.shape == (4, places)
        assert found.dtype == np.int64
        assert found[3].max() == (0 if picture is dark else 23)
    backend.close()


def test_an_output_that_may_be_empty_is_refused() -> None:
    with pytest.raises(ModelError, match=r"tensor 'places' has no fixed size, here \[4, 0\]"):
        open_growing(0)


def test_neither_processes_nor_descriptors_are_left_behind() -> None:
    def held() -> tuple[int, set[Path]]:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir())), set(Path("/dev/shm").iterdir())

    before = held()
    pids = []
    for standby in (False, True):
        model = load_isolated(manifest_of(), DIGEST, MODELS / FILES[0], standby=standby)
        for _ in range(2):
            pids.append(strike(model, signal.SIGKILL))
            answered(model)
        assert model.backend.pid is not None
        pids.append(model.backend.pid)
        model.close()
        model.close()
    assert held() == before
    assert not [pid for pid in pids if exists(pid)]


def test_after_close_there_is_a_word_and_no_process(models: list[IsolatedModel]) -> None:
    model = isolated(models)
    model.close()
    with pytest.raises(BackendError, match="the model is closed"):
        model.answer(plain("red"))
    assert model.backend.pid is None


def wait_until_loaded(model: IsolatedModel) -> None:
    """Until the standby has said that it is ready."""
    coming = model.backend._coming
    assert coming is not None
    wait_for(lambda: bool(coming._unasked.poll(0)))


def wait_for(condition: Any) -> None:
    give_up_at = time.monotonic() + GENEROUS_S
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
