"""Strangers' models in a process of their own: real ones answer, bad ones are refused with what they did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contract.errors import FerryError, ModelError
from converters.probe import probe
from converters.source import SourceKind
from tests.converters.hostile import crashing_tflite, endless_onnx, endless_tflite
from tests.converters.tiny_tflite import Graph, Operator, Tensor, tflite
from tests.edge.colours import MODELS


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def refused(kind: SourceKind, path: Path, deadline_s: float = 60.0) -> FerryError:
    with pytest.raises(ModelError) as problem:
        probe(kind, path, origin=path.name, deadline_s=deadline_s)
    return problem.value


def test_a_model_is_described_and_answers() -> None:
    probed = probe("tflite", MODELS / "colours_int8.tflite", origin="colours")
    assert [(spec.shape, spec.dtype) for spec in probed.inputs] == [((1, 16, 24, 3), "int8")]
    (answers,) = probed.answers.values()
    assert answers.shape == (3, 1, 3)
    assert answers.dtype == np.int8
    assert probed.hints.quantised
    assert set(probed.hints.ends_with.values()) == {"softmax"}
    assert 20 << 20 < probed.peak_bytes < 2 << 30


def test_an_open_batch_becomes_one_and_given_pictures_are_answered() -> None:
    red, blue = (np.zeros((1, 3, 16, 24), np.float32) for _ in range(2))
    red[:, 0], blue[:, 2] = 1.0, 1.0
    probed = probe("onnx", MODELS / "colours_nchw.onnx", origin="c", feeds={"picture": np.stack([red, blue])})
    assert probed.inputs[0].shape == (1, 3, 16, 24)
    assert probed.answers["logits"][:, 0].argmax(axis=1).tolist() == [0, 2]
    assert not probed.hints.quantised
    assert probed.hints.ends_with == {}


def test_a_probe_says_the_same_every_time() -> None:
    first, second = (probe("tflite", MODELS / "colours_float.tflite", origin="c").answers for _ in range(2))
    assert {name: array.tobytes() for name, array in first.items()} == {n: a.tobytes() for n, a in second.items()}


def test_one_that_takes_the_process_with_it_is_refused(tmp_path: Path) -> None:
    problem = refused("tflite", written(tmp_path, "crash.tflite", crashing_tflite()))
    assert problem.what == "it killed the process (SIGSEGV) while it was opened"
    assert problem.where == "crash.tflite"


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_one_that_never_answers_is_refused(kind: SourceKind, tmp_path: Path) -> None:
    data = endless_tflite() if kind == "tflite" else endless_onnx()
    problem = refused(kind, written(tmp_path, f"endless.{kind}", data), deadline_s=5)
    assert problem.what == "it did not answer within 5 s while it was run"


def test_one_that_asks_for_all_memory_is_refused_and_gets_none(tmp_path: Path) -> None:
    huge = Tensor("x", (1, 2**19, 2**19))
    model = tflite(Graph([huge, huge._replace(name="y")], [Operator("ABS", (0,), (1,))], (0,), (1,)))
    problem = refused("tflite", written(tmp_path, "huge.tflite", model))
    assert "memory" in problem.what


def test_open_sizes_beyond_the_batch_are_refused(tmp_path: Path) -> None:
    tensor = Tensor("picture", (1, 1, 1, 3), signature=(-1, -1, -1, 3))
    model = tflite(Graph([tensor, Tensor("y", (1, 1, 1, 3))], [Operator("ABS", (0,), (1,))], (0,), (1,)))
    problem = refused("tflite", written(tmp_path, "open.tflite", model))
    assert problem.what == "its input 'picture' is [-1, -1, -1, 3]: dynamic beyond the batch"


def test_weights_beside_the_file_must_be_there_and_in_its_folder(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    def model(location: str) -> bytes:
        weight = helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
        weight.ClearField("float_data")
        weight.data_location = TensorProto.EXTERNAL
        entry = weight.external_data.add()
        entry.key, entry.value = "location", location
        x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in "xy")
        graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [weight])
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        assert isinstance(made, onnx.ModelProto)
        return bytes(made.SerializeToString())

    path = written(tmp_path, "apart.onnx", model("weights.bin"))
    assert refused("onnx", path).what == "its weights lie in another file, 'weights.bin', which is not there"
    (tmp_path / "weights.bin").write_bytes(np.array([1.0, 2.0], np.float32).tobytes())
    assert probe("onnx", path, origin="apart").answers["y"][0].tolist() == [[1.0, 2.0]]
    outside = written(tmp_path, "outside.onnx", model("../secret"))
    assert "lie outside its folder" in refused("onnx", outside).what


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("add_shared_tensors.tflite", "both input 0 and output 0"),
        ("corrupt-model.onnx", "not an ONNX file, or a damaged one"),
        ("empty_model.tflite", "it has no input"),
        ("invalid_model.tflite", "not a TFLite file"),
        ("model_with_external_initializers.onnx", "in another file, 'Pads.bin', which is not there"),
        ("multi_add_flex.tflite", "operators of TensorFlow itself, which no device has: FlexAddV2"),
        ("no_subgraphs.tflite", "no graph in it"),
        ("test_model_broken.tflite", "not a TFLite file"),
    ],
)
def test_every_damaged_model_is_refused_with_its_cause(file: str, words: str, shared_data: Path) -> None:
    path = shared_data / "corrupt/models" / file
    assert words in refused("onnx" if path.suffix == ".onnx" else "tflite", path).what


def test_a_compiled_twin_is_no_source(shared_data: Path) -> None:
    for path in sorted((shared_data / "models/tflite").glob("*_edgetpu.tflite")):
        problem = refused("tflite", path)
        assert "compiled for the Edge TPU" in problem.what
        assert problem.fix == "Give the .tflite file it was compiled from."
