"""The program onnx2tf, played by scripts of ours, and by itself where it is installed."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from contract.errors import ModelError
from converters import tflite_from_onnx
from converters.make import make, source_answers
from converters.tflite_audit import audit
from converters.tflite_from_onnx import to_tflite
from converters.tflite_tree import read_tree, write_tree
from tests.converters.making import answers_of, decibels, onnx_network, onnx_source

PROGRAM = "onnx2tf"


def played_by(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program of that name first on the PATH, written in Python; `out` is where it is to write."""
    path = folder / PROGRAM
    path.write_text(f"#!{sys.executable}\nimport sys\nout = sys.argv[sys.argv.index('-o') + 1]\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("sys.exit('ERROR: the op is not supported')", "onnx2tf failed: ERROR: the op is not supported"),
        ("import os; os.kill(os.getpid(), 11)", "onnx2tf crashed"),
        ("pass", "wrote no float32 model"),
        ("import time; time.sleep(60)", "did not end within 1 s"),
    ],
)
def test_a_program_that_does_not_do_its_work_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: str
) -> None:
    played_by(tmp_path, monkeypatch, script)
    monkeypatch.setattr(tflite_from_onnx, "LIMIT_S", 1)
    with pytest.raises(ModelError, match=expected):
        to_tflite(onnx_network(tmp_path / "a.onnx"), ("heat", "a_scores"), where="test")


def test_other_outputs_than_the_source_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared_data: Path
) -> None:
    other = shared_data / "models/tflite/vww_96_float.tflite"
    played_by(tmp_path, monkeypatch, f"import shutil; shutil.copy({str(other)!r}, out + '/x_float32.tflite')")
    with pytest.raises(ModelError, match="onnx2tf wrote the outputs Identity"):
        to_tflite(onnx_network(tmp_path / "a.onnx"), ("heat", "a_scores"), where="test")


def test_a_map_is_turned_back_to_the_sources_order_of_axes(shared_data: Path) -> None:
    tree = read_tree((shared_data / "models/tflite/vww_96_float.tflite").read_bytes(), where="test")
    graph = tree.subgraphs[0]
    first = graph.operators[0].outputs[0]
    graph.tensors[first].name = b"heat"
    graph.outputs = np.array([first], np.int32)
    batch, height, width, channels = map(int, graph.tensors[first].shape)
    tflite_from_onnx._order(tree, ["heat"], {"heat": (batch, channels, height, width)}, "test")
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=write_tree(tree, attached_to=b""))
    interpreter.allocate_tensors()
    (output,) = interpreter.get_output_details()
    assert (output["name"], output["shape"].tolist()) == ("heat", [batch, channels, height, width])


@pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="onnx2tf is not on the PATH")
def test_the_program_itself_gives_the_same_model(tmp_path: Path) -> None:
    given = onnx_source(onnx_network(tmp_path / "a.onnx"))
    made = make(given, ["tflite-float32", "tflite-int8"], tmp_path, golden=given.golden.frames, say=lambda _: None)
    true = source_answers(given, given.golden.frames, tmp_path)
    for name, answer in answers_of("tflite-float32", made["tflite-float32"], given):
        assert decibels(true[name], answer) > 100
    assert [name for name, _ in answers_of("tflite-int8", made["tflite-int8"], given)] == ["heat", "a_scores"]
    audit(made["tflite-int8"].read_bytes(), where="test")
