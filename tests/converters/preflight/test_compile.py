"""The compiler's place taken by small programs that compile, refuse, stay silent or never end."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import MissingPartError, ModelError
from converters.preflight.check import preflight, preflight_lines
from converters.preflight.compile import compile_for_edgetpu, compiler
from devices.profiles import load_profile
from tests.conftest import ROOT

CORAL = load_profile("coral-usb")
NAME = "mobilenet_v1_0.25_128_quant"


@pytest.fixture
def model(shared_data: Path) -> bytes:
    return (shared_data / f"models/tflite/{NAME}.tflite").read_bytes()


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """A program called edgetpu_compiler; `$2` is its output folder and `$3` the model, as the real one is called."""
    program = folder / "edgetpu_compiler"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_what_it_compiles_is_held_against_the_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_data: Path, model: bytes
) -> None:
    twin = shared_data / f"models/tflite/{NAME}_edgetpu.tflite"
    install(tmp_path, monkeypatch, f'cp "{twin}" "$2/$(basename "$3" .tflite)_edgetpu.tflite"')
    found = compile_for_edgetpu(model, CORAL)
    assert found.model == twin.read_bytes()
    assert found.differences == ()
    assert found.predicted.fully_mapped


def test_another_result_than_foretold_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_data: Path, model: bytes
) -> None:
    twin = shared_data / "models/tflite/deeplabv3_mnv2_dm05_pascal_quant_edgetpu.tflite"
    install(tmp_path, monkeypatch, f'cp "{twin}" "$2/model_edgetpu.tflite"')
    assert "predicted 0 ARG_MAX on the CPU, the compiler left 1" in compile_for_edgetpu(model, CORAL).differences


def test_a_preflight_asks_it_and_says_what_it_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_data: Path, model: bytes
) -> None:
    assert preflight(model, CORAL).compiler is None
    twin = shared_data / f"models/tflite/{NAME}_edgetpu.tflite"
    install(tmp_path, monkeypatch, f'cp "{twin}" "$2/model_edgetpu.tflite"')
    agreed = preflight(model, CORAL)
    assert agreed.compiler == ()
    assert list(preflight_lines(agreed))[-1] == "  its compiler: decided as foretold"
    install(tmp_path, monkeypatch, "echo 'ERROR: Invalid model'; exit 1")
    assert preflight(model, CORAL).compiler == ("edgetpu_compiler refused it: ERROR: Invalid model",)


def test_its_refusal_of_what_cannot_run_was_foretold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "exit 1")
    floats = (ROOT / "tests/data/models/colours_float.tflite").read_bytes()
    found = preflight(floats, CORAL)
    assert not found.fits
    assert found.compiler == ()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("echo 'Edge TPU Compiler version 16'; echo 'ERROR: Invalid model'; echo bye; exit 1", "ERROR: Invalid model"),
        ("exit 7", "exit code 7, without a word"),
        ("echo done", "done"),
    ],
)
def test_its_refusal_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: bytes, body: str, message: str
) -> None:
    install(tmp_path, monkeypatch, body)
    with pytest.raises(ModelError, match=message):
        compile_for_edgetpu(model, CORAL)


def test_one_that_never_ends_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: bytes
) -> None:
    install(tmp_path, monkeypatch, f"sleep 1234 & echo $! > {tmp_path}/child; wait")
    with pytest.raises(ModelError, match="did not end within"):
        compile_for_edgetpu(model, CORAL, time_limit_s=1.0)
    status = Path("/proc", (tmp_path / "child").read_text().strip(), "status")
    assert not status.exists() or "State:\tZ" in status.read_text()


def test_without_it_a_person_is_told_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: bytes) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compiler() is None
    with pytest.raises(MissingPartError, match="edgetpu_compiler is not installed"):
        compile_for_edgetpu(model, CORAL)
