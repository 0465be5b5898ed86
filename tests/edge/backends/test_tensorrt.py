from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from contract.errors import BackendError
from edge.backends import Backend, describe, open_backend
from edge.backends.engine_cache import EngineCache
from edge.backends.gpu import Gpu
from edge.backends.tensorrt import (
    EngineSettings,
    OnnxEngineMaker,
    engine_key,
    open_tensorrt,
    precision_of,
    provider_options,
    with_engine,
)
from edge.backends.warming import WarmingBackend
from tests.edge.colours import MODELS

MODEL = (MODELS / "colours_nchw.onnx").read_bytes()
GPU = Gpu(name="Orin", compute_capability="8.7", cuda_driver="12060", tensorrt="100300")
WAIT_S = 60.0


class Maker:
    """A stand-in for the vendor: its engine is a file that says so, and is opened by the CPU."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.builds = 0
        self.refuses = refuses

    def build(self, folder: Path, stop: threading.Event) -> None:
        assert not stop.is_set()
        self.builds += 1
        (folder / "made.engine").write_bytes(b"engine")

    def open(self, folder: Path) -> Backend:
        assert (folder / "made.engine").read_bytes() == b"engine"
        if self.refuses:
            raise BackendError("this engine does not load", where="TensorRT", fix="Build it again.")
        return open_backend("onnx", MODEL)


def opened(maker: Maker, root: Path, gpu: Gpu = GPU) -> Backend:
    cpu = open_backend("onnx", MODEL)
    key = engine_key(MODEL, cpu.inputs, gpu, EngineSettings(), "1.23.2")
    return with_engine(cpu, key, maker, EngineCache(root), len(MODEL))


def built(backend: Backend) -> Backend:
    assert isinstance(backend, WarmingBackend)
    assert backend.wait(WAIT_S)
    backend.infer({})
    return backend


def test_the_first_start_builds_and_the_next_ones_do_not(tmp_path: Path) -> None:
    maker = Maker()
    first = built(opened(maker, tmp_path))
    assert describe(first).fallback is None
    first.close()
    for _ in range(3):
        again = opened(maker, tmp_path)
        assert not isinstance(again, WarmingBackend)
        assert again.infer({})["logits"].shape == (1, 3)
        again.close()
    assert maker.builds == 1


@pytest.mark.parametrize("field", Gpu.__struct_fields__)
def test_another_gpu_or_version_builds_again(field: str, tmp_path: Path) -> None:
    maker = Maker()
    built(opened(maker, tmp_path)).close()
    built(opened(maker, tmp_path, msgspec.structs.replace(GPU, **{field: "other"}))).close()
    assert maker.builds == 2


def test_an_engine_that_does_not_load_is_built_again(tmp_path: Path) -> None:
    built(opened(Maker(), tmp_path)).close()
    maker = Maker(refuses=True)
    backend = opened(maker, tmp_path)
    assert isinstance(backend, WarmingBackend)
    assert backend.wait(WAIT_S)
    assert maker.builds == 1
    fallback = describe(backend).fallback
    assert fallback is not None
    assert "this engine does not load" in fallback.cause
    backend.close()


def test_a_machine_without_a_gpu_says_so_and_serves(tmp_path: Path) -> None:
    backend = open_tensorrt(MODEL, threads=1, engines=tmp_path)
    state = describe(backend)
    assert state.device == "cpu"
    assert state.fallback is not None
    assert "library cannot be loaded (libcuda.so.1)" in state.fallback.cause
    assert list(tmp_path.iterdir()) == []


def test_the_real_maker_names_what_stopped_its_child(tmp_path: Path) -> None:
    maker = OnnxEngineMaker(MODEL, 1, EngineSettings())
    with pytest.raises(BackendError, match="the engine could not be built: this onnxruntime has no working Tensorrt"):
        maker.build(tmp_path, threading.Event())


def test_quantised_graphs_are_built_for_eight_bits(shared_data: Path) -> None:
    assert precision_of(MODEL) == "fp16"
    assert precision_of((shared_data / "models/onnx/mobilenet_v2_qdq_int8.onnx").read_bytes()) == "int8"
    options = provider_options(Path("/engines/x"), EngineSettings(precision="int8"))
    assert (options["trt_int8_enable"], options["trt_fp16_enable"]) == ("True", "True")
    assert options["trt_engine_cache_path"] == "/engines/x"
