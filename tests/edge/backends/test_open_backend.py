from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contract.errors import BackendError, ConfigError, ModelError
from edge.backends import SUFFIXES, describe, open_backend
from tests.edge.colours import MODELS

BROKEN = ["test_model_broken", "invalid_model", "no_subgraphs", "multi_add_flex", "add_shared_tensors"]


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("as_bytes", [True, False])
def test_a_tflite_file_that_is_no_model_is_refused_with_a_sentence(
    name: str, as_bytes: bool, shared_data: Path
) -> None:
    path = shared_data / "corrupt" / "models" / f"{name}.tflite"
    with pytest.raises(ModelError, match=r"not a model this library can run: .+"):
        open_backend("tflite", path.read_bytes() if as_bytes else path)


@pytest.mark.parametrize("name", ["corrupt-model", "model_with_external_initializers"])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_an_onnx_file_that_is_no_model_is_refused_with_a_sentence(
    name: str, as_bytes: bool, shared_data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = shared_data / "corrupt" / "models" / f"{name}.onnx"
    with pytest.raises(ModelError, match=r"not a model onnxruntime can run: .+"):
        open_backend("onnx", path.read_bytes() if as_bytes else path)
    assert capfd.readouterr().err == ""


def test_a_model_compiled_for_the_edge_tpu_says_what_is_missing(shared_data: Path) -> None:
    path = shared_data / "models" / "tflite" / "mobilenet_v1_0.25_128_quant_edgetpu.tflite"
    with pytest.raises(BackendError, match=r"compiled for the Edge TPU.*libedgetpu"):
        open_backend("tflite", path)


def test_an_empty_file_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the model is empty"):
        open_backend("tflite", b"")
    with pytest.raises(ModelError, match="no such model file"):
        open_backend("onnx", tmp_path / "absent.onnx")


def test_opening_a_model_says_nothing_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    open_backend("tflite", MODELS / "colours_int8.tflite")
    open_backend("onnx", MODELS / "colours_nchw.onnx")
    assert capfd.readouterr() == ("", "")


def test_importing_the_folder_imports_no_library() -> None:
    code = "import sys, edge.backends; sys.exit(any(m in sys.modules for m in ('ai_edge_litert', 'onnxruntime')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("file", ["colours_int8.tflite", "colours_nchw.onnx"])
def test_openvino_that_is_not_installed_leaves_the_cpu_and_says_so(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "edge.backends.openvino", raising=False)
    monkeypatch.setitem(sys.modules, "openvino", None)
    path = MODELS / file
    state = describe(open_backend(SUFFIXES[path.suffix], path, device="openvino"))
    assert state.device == "cpu"
    assert state.fallback is not None
    assert (state.fallback.wanted, state.fallback.fix) == ("OpenVINO", "Run: pip install 'edgeferry[openvino]'")


def test_a_device_that_is_none_or_does_not_fit_is_refused_before_the_file_is_read(tmp_path: Path) -> None:
    for device in ("gpu", "tensorrt"):
        with pytest.raises(ConfigError):
            open_backend("tflite", tmp_path / "absent.tflite", device=device)


def test_a_missing_twin_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such model file.*twin"):
        open_backend("tflite", MODELS / "colours_int8.tflite", twin=tmp_path / "twin.tflite")


def test_what_works_under_a_tflite_model_is_told() -> None:
    state = describe(open_backend("tflite", MODELS / "colours_int8.tflite", threads=2))
    assert (state.library, state.device, state.delegate, state.threads) == ("ai-edge-litert", "cpu", "XNNPACK", 2)
    assert state.fallback is None


def test_a_backend_that_cannot_describe_itself_is_described_by_its_name() -> None:
    class Plain:
        name = "elsewhere 1.2"
        inputs = outputs = ()

    state = describe(Plain())  # type: ignore[arg-type]
    assert (state.library, state.version, state.device) == ("elsewhere", "1.2", "unknown")


def test_a_twin_does_not_stand_in_for_a_model_that_runs_as_it_is() -> None:
    backend = open_backend("tflite", MODELS / "colours_int8.tflite", twin=MODELS / "colours_uint8.tflite")
    assert backend.inputs[0].dtype == "int8"
