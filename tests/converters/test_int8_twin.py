"""A uint8 twin of a tiny int8 model must come back as that model; real legacy models must stay what they were."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from contract.errors import ModelError
from converters.int8_twin import CHANNEL_AXIS, int8_twin, nearest_int8
from converters.tflite_tree import builtin_code, names_of, read_tree, write_tree
from edge.backends import open_backend
from tests.edge.colours import MODELS

Answers = list[npt.NDArray[np.float64]]
CLASSIFIERS = ("mobilenet_v1_0.25_128_quant", "mobilenet_v1_0.5_160_quant", "mobilenet_v2_1.0_224_quant")


def changed(model: bytes, change: Callable[[Any], None]) -> bytes:
    tree = read_tree(model, where="test")
    change(tree)
    return write_tree(tree, attached_to=model)


def legacy(model: bytes) -> bytes:
    """An int8 model with one scale a tensor, told in uint8 as TensorFlow 1 would have."""

    def retell(tree: Any) -> None:
        for tensor in tree.subgraphs[0].tensors:
            if tensor.type != schema.TensorType.INT8:
                continue
            tensor.type = schema.TensorType.UINT8
            tensor.quantization.scale = tensor.quantization.scale[:1]
            tensor.quantization.zeroPoint = tensor.quantization.zeroPoint[:1] + 128
            buffer = tree.buffers[tensor.buffer]
            if buffer.data is not None:
                buffer.data = np.asarray(buffer.data, np.uint8) ^ np.uint8(0x80)

    return changed(model, retell)


def weights(tree: Any) -> Any:
    """The tensor with the tiny model's weights."""
    graph = tree.subgraphs[0]
    fully_connected = next(each for each in graph.operators if len(each.inputs) == 3)
    return graph.tensors[fully_connected.inputs[1]]


def all_within_reach(tree: Any) -> None:
    """Weights of a real network cut off at 127 steps from their zero point, so that it has a twin."""
    operators = names_of(schema.BuiltinOperator)
    graph = tree.subgraphs[0]
    for operator in graph.operators:
        if operators[builtin_code(tree.operatorCodes[operator.opcodeIndex])] in CHANNEL_AXIS:
            tensor = graph.tensors[operator.inputs[1]]
            zero_point, buffer = int(tensor.quantization.zeroPoint[0]), tree.buffers[tensor.buffer]
            stored = np.asarray(buffer.data, np.uint8).astype(int)
            buffer.data = np.clip(stored, zero_point - 127, zero_point + 127).astype(np.uint8)


def outlier(tree: Any) -> None:
    """One weight at the other end of the range from where its zero point lies: 140 steps."""
    tensor = weights(tree)
    tensor.quantization.zeroPoint = np.array([100], np.int64)
    stored = np.asarray(tree.buffers[tensor.buffer].data, np.uint8).astype(int) - 28
    stored[0] = 240
    tree.buffers[tensor.buffer].data = stored.astype(np.uint8)


def reference(model: bytes) -> Interpreter:
    interpreter = Interpreter(
        model_content=model, num_threads=1, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    return interpreter


def default(model: bytes) -> Interpreter:
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def answers(interpreter: Interpreter, pixels: npt.NDArray[np.uint8]) -> Answers:
    """All outputs, dequantised; int8 inputs get the pixels minus 128."""
    image = interpreter.get_input_details()[0]
    stored = pixels if image["dtype"] == np.uint8 else (pixels ^ np.uint8(0x80)).view(np.int8)
    interpreter.set_tensor(image["index"], stored)
    interpreter.invoke()
    found = []
    for output in interpreter.get_output_details():
        scale, zero_point = output["quantization"]
        values = interpreter.get_tensor(output["index"]).astype(np.float64)
        found.append((values - zero_point) * scale if scale else values)
    return found


def photographs(shared_data: Path, size: int) -> list[npt.NDArray[np.uint8]]:
    found = []
    for path in sorted((shared_data / "images").glob("*.jpg")):
        picture = cv2.resize(cv2.imread(str(path)), (size, size), interpolation=cv2.INTER_AREA)
        found.append(np.ascontiguousarray(picture[None, :, :, ::-1]))
    return found


@pytest.fixture(scope="module")
def tiny() -> bytes:
    return (MODELS / "colours_int8.tflite").read_bytes()


@pytest.mark.parametrize("kernels", [default, reference])
def test_a_twin_gives_the_very_same_answers(tiny: bytes, kernels: Callable[[bytes], Interpreter]) -> None:
    told_in_uint8 = legacy(tiny)
    old, new, original = kernels(told_in_uint8), kernels(int8_twin(told_in_uint8)), kernels(tiny)
    random = np.random.default_rng(3)
    for _ in range(20):
        pixels = np.broadcast_to(random.integers(0, 256, (1, 1, 1, 3), np.uint8), (1, 16, 24, 3)).copy()
        ours = answers(new, pixels)[0]
        assert (ours == answers(original, pixels)[0]).all()
        # One step of 1/256: the mean of 384 values rounds its ties the other way below zero.
        assert np.abs(ours - answers(old, pixels)[0]).max() <= 1 / 256


def test_a_twin_stores_each_weight_with_its_meaning_and_keeps_names_and_shapes(tiny: bytes) -> None:
    twin = int8_twin(legacy(tiny))
    old, new = read_tree(tiny, where="old"), read_tree(twin, where="new")
    for before, after in zip(old.subgraphs[0].tensors, new.subgraphs[0].tensors, strict=True):
        assert (before.name, before.type) == (after.name, after.type)
        assert np.array_equal(before.shape, after.shape)
        assert np.array_equal(old.buffers[before.buffer].data, new.buffers[after.buffer].data)
        if after.quantization is not None and after.quantization.scale is not None:
            assert before.quantization.scale[0] == after.quantization.scale[0]
            assert before.quantization.zeroPoint[0] == after.quantization.zeroPoint[0]


def test_its_input_and_output_are_int8_to_the_backend(tiny: bytes) -> None:
    backend = open_backend("tflite", int8_twin(legacy(tiny)))
    assert {spec.dtype for spec in (*backend.inputs, *backend.outputs)} == {"int8"}
    backend.close()


def test_two_tensors_that_share_their_bytes_are_both_moved_once(tiny: bytes) -> None:
    def share(tree: Any) -> None:
        graph = tree.subgraphs[0]
        graph.tensors.append(schema.TensorT())
        twice = graph.tensors[-1]
        twice.name, twice.type, twice.shape = b"again", schema.TensorType.UINT8, weights(tree).shape
        twice.buffer, twice.quantization = weights(tree).buffer, schema.QuantizationParametersT()
        twice.quantization.scale, twice.quantization.zeroPoint = np.ones(1, np.float32), np.array([7], np.int64)

    before = changed(legacy(tiny), share)
    after = read_tree(int8_twin(before), where="twin")
    again = after.subgraphs[0].tensors[-1]
    stored = np.asarray(after.buffers[again.buffer].data, np.uint8).view(np.int8)
    expected = np.asarray(read_tree(tiny, where="tiny").buffers[weights(read_tree(tiny, where="tiny")).buffer].data)
    assert (stored == expected.view(np.int8)).all()
    assert again.quantization.zeroPoint[0] == 7 - 128
    assert again.buffer != weights(after).buffer


def test_a_weight_too_far_from_zero_makes_no_twin_and_a_near_model(tiny: bytes) -> None:
    model = changed(legacy(tiny), outlier)
    with pytest.raises(ModelError, match=r"1 of 3 weight channels reach further .*\[far\.tflite\] .*compare"):
        int8_twin(model, where="far.tflite")
    near = nearest_int8(model)
    assert (near.channels, near.rounded_channels) == (3, 1)
    old, new = default(model), default(near.model)
    for colour in range(3):
        pixels = np.full((1, 16, 24, 3), 60, np.uint8)
        pixels[..., colour] = 160
        assert np.abs(answers(new, pixels)[0] - answers(old, pixels)[0]).max() <= 3 / 256


def test_the_same_file_comes_out_each_time(tiny: bytes) -> None:
    model = changed(legacy(tiny), outlier)
    assert nearest_int8(model) == nearest_int8(model)


def _no_scale(tree: Any) -> None:
    weights(tree).quantization = None


def _unknown_operator(tree: Any) -> None:
    code = tree.operatorCodes[-1]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.TANH


def _own_operator(tree: Any) -> None:
    code = tree.operatorCodes[-1]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = b"Mine"


def _float_inside(tree: Any) -> None:
    tree.subgraphs[0].tensors[tree.subgraphs[0].operators[-1].inputs[0]].type = schema.TensorType.FLOAT32


def _computed_weights(tree: Any) -> None:
    weights(tree).buffer = 0


def _two_graphs(tree: Any) -> None:
    tree.subgraphs = tree.subgraphs * 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_no_scale, "is uint8 without one scale"),
        (_unknown_operator, "operator TANH is not known to mean the same in int8"),
        (_own_operator, "custom operator 'Mine' may read anything but int8"),
        (_float_inside, "operator FULLY_CONNECTED runs in floating point"),
        (_computed_weights, "are not constants of their shape"),
        (_two_graphs, "it has 2 graphs, expected one"),
    ],
)
def test_what_cannot_become_int8_is_named(tiny: bytes, change: Callable[[Any], None], expected: str) -> None:
    with pytest.raises(ModelError, match=expected):
        int8_twin(changed(legacy(tiny), change))


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("colours_int8.tflite", "its numbers are int8 already"),
        ("colours_uint8.tflite", "it is int8 inside, not whole uint8"),
        ("colours_float.tflite", "it is not quantised to uint8"),
    ],
)
def test_a_model_that_is_not_whole_uint8_is_refused(file: str, expected: str) -> None:
    with pytest.raises(ModelError, match=expected):
        int8_twin((MODELS / file).read_bytes())


def test_what_is_no_model_is_refused(tiny: bytes) -> None:
    for data, reason in ((b"", "not a TFLite file"), (b"\0" * 64, "not a TFLite file"), (tiny[:60], "damaged")):
        with pytest.raises(ModelError, match=reason):
            int8_twin(data)


def test_a_real_network_whose_weights_fit_gives_the_very_same_answers(shared_data: Path) -> None:
    # Its pool is 5x5: means of an odd number of values have no ties for kernels to differ in.
    model = changed((shared_data / "models/tflite/mobilenet_v1_0.5_160_quant.tflite").read_bytes(), all_within_reach)
    old, new = reference(model), reference(int8_twin(model))
    for pixels in photographs(shared_data, 160):
        assert (answers(old, pixels)[0] == answers(new, pixels)[0]).all()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_real_legacy_models_have_no_twin_and_a_near_model_as_near_as_other_kernels(
    shared_data: Path, name: str
) -> None:
    model = (shared_data / f"models/tflite/{name}.tflite").read_bytes()
    with pytest.raises(ModelError, match="weight channels reach further"):
        int8_twin(model)
    near = nearest_int8(model)
    assert 0 < near.rounded_channels < near.channels / 50
    exact, fast, new = reference(model), default(model), default(near.model)
    size = int(exact.get_input_details()[0]["shape"][1])
    gaps = []
    for pixels in photographs(shared_data, size):
        truth = answers(exact, pixels)[0]
        gaps.append([np.abs(answers(other, pixels)[0] - truth).mean() for other in (fast, new)])
    by_kernels, by_rounding = np.mean(gaps, axis=0)
    # The uint8 model's own fast kernels are that far from its reference kernels; measured 0.8 to 1.7 times that.
    assert by_rounding <= 2.5 * by_kernels


def test_a_detector_finds_the_same_things_and_keeps_its_labels(shared_data: Path) -> None:
    model = (shared_data / "models/tflite/coco_ssd_mobilenet_v1_quant_metadata.tflite").read_bytes()
    near = nearest_int8(model).model
    old, new = default(model), default(near)
    for pixels in photographs(shared_data, 300):
        boxes, classes, scores, _ = answers(old, pixels)
        our_boxes, our_classes, our_scores, _ = answers(new, pixels)
        sure = scores[0] >= 0.55  # Below, the order of two scores may turn.
        assert (our_classes[0][sure] == classes[0][sure]).all()
        assert np.abs(our_scores[0][sure] - scores[0][sure]).max(initial=0.0) <= 0.06
        assert np.abs(our_boxes[0][sure] - boxes[0][sure]).max(initial=0.0) <= 0.1
    attached = [zipfile.ZipFile(io.BytesIO(data)) for data in (model, near)]
    assert attached[0].namelist() == attached[1].namelist() != []
    assert all(attached[0].read(name) == attached[1].read(name) for name in attached[0].namelist())
