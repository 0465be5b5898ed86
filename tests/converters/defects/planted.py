"""Good conversions with exactly one defect each, and the words by which the product must refuse it.

A defect is either a conversion that must not pass `conversion.check`, or a bundle that must not pass `conversion.read`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from onnx import helper, numpy_helper

from contract.bundle import seal
from contract.codec import to_pretty_json
from contract.dsse import MANIFEST_TYPE, sign
from contract.errors import BundleError, DataError, FerryError, GateError, ModelError, SignatureError
from contract.manifest import GOLDEN, LABELS, REFERENCE, Classify, Preprocessing
from converters.draft import draft_of
from converters.source import UNKNOWN, Pictures, Source
from converters.tflite_tree import operator_place, read_tree, write_tree
from edge.bundles import check_bundle
from tests.converters.defects.conversion import Conversion, answered, changed, check, converted, read
from tests.converters.defects.networks import Shape, scenes
from tests.data.make_saturation import FILE as SATURATION
from tests.data.make_saturation import float_model, pictures
from tests.edge.colours import LABELS as TINY_LABELS
from tests.edge.colours import MODELS

TINY = Path("colours_int8.tflite")
RELU6 = Shape("Relu6", "batchnorm")


class Defect(NamedTuple):
    """What is planted, and how it must be refused."""

    spoil: Callable[[], None]
    """Plants it, and runs the product's checks."""
    error: type[FerryError]
    words: str
    """A pattern of the refusal."""


DEFECTS: dict[str, Defect] = {}
Plant = Callable[[Conversion], Conversion]


def defect(error: type[FerryError], words: str, base: Callable[[], Conversion] = converted) -> Callable[[Plant], Plant]:
    """Register a function that takes a good conversion and plants its name's defect."""

    def register(plant: Plant) -> Plant:
        def spoil() -> None:
            check(plant(base()))

        DEFECTS[plant.__name__.replace("_", " ")] = Defect(spoil, error, words)
        return plant

    return register


def sealed_defect(
    error: type[FerryError], words: str
) -> Callable[[Callable[[bytes], bytes]], Callable[[bytes], bytes]]:
    """Register a function that spoils the bytes of a good bundle."""

    def register(plant: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        DEFECTS[plant.__name__.replace("_", " ")] = Defect(lambda: read(plant(_good_bundle())), error, words)
        return plant

    return register


@cache
def _good_bundle() -> bytes:
    return check(converted())


def _floats() -> Conversion:
    return converted(recipe="onnx-float32", shape=RELU6)


def _detector() -> Conversion:
    return converted("detect")


@cache
def tiny() -> Conversion:
    """The int8 TFLite model that tells three colours apart; its Dense layer has one scale, as the Edge TPU wants it."""
    random = np.random.default_rng(5)
    labels = np.arange(80) % 3
    frames = random.integers(0, 60, (80, 16, 24, 3)).astype(np.uint8)
    frames[np.arange(80), :, :, labels] += random.integers(60, 180, (80, 1, 1)).astype(np.uint8)
    rows = np.linspace(0, 15, 24).astype(np.uint8)[None, None, :, None]
    pictures = Pictures(np.sort(frames, axis=2) + rows, labels)
    model = _one_scale((MODELS / TINY).read_bytes())
    source = Source(
        name="colours",
        origin="colours.tflite",
        kind="tflite",
        model=MODELS / TINY,
        preprocessing=Preprocessing(size_wh=(24, 16)),
        task="classify",
        outputs=("StatefulPartitionedCall_1:0",),
        decoding=Classify(scores="StatefulPartitionedCall_1:0"),
        labels=TINY_LABELS,
        states=(),
        calibration=Pictures(pictures.frames[:40], labels[:40]),
        golden=Pictures(pictures.frames[40:], labels[40:]),
        lineage={},
        card=b"",
    )
    floats = (MODELS / "colours_float.tflite").read_bytes()
    truth = answered(draft_of(source, "tflite-float32", floats), floats, source.golden)
    return Conversion(source, "tflite-int8", truth, floats, model, profile="coral-usb")


def _one_scale(model: bytes) -> bytes:
    tree = read_tree(model, where="tiny")
    for tensor in tree.subgraphs[0].tensors:
        if tensor.quantization is not None and tensor.quantization.scale is not None:
            tensor.quantization.scale = tensor.quantization.scale[:1]
            tensor.quantization.zeroPoint = tensor.quantization.zeroPoint[:1]
    return write_tree(tree, attached_to=model)


def in_graph(conversion: Conversion, change: Callable[[Any], None]) -> Conversion:
    """With another ONNX graph."""
    model = onnx.load_from_string(conversion.model)
    change(model)
    return replace(conversion, model=model.SerializeToString())


def in_tree(conversion: Conversion, change: Callable[[Any], None]) -> Conversion:
    """With another TFLite tree."""
    tree = read_tree(conversion.model, where="tiny")
    change(tree)
    return replace(conversion, model=write_tree(tree, attached_to=conversion.model))


def constant(model: Any, start: str, kind: int | None = None) -> Any:
    """The first constant whose name starts so, of that type if one is given."""
    found = (t for t in model.graph.initializer if t.name.startswith(start) and kind in (None, t.data_type))
    return next(found)


def rewritten(tensor: Any, change: Callable[[Any], Any]) -> None:
    """Its values, changed."""
    values = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(change(values.copy()), values.dtype), tensor.name))


def layer(model: Any, number: int = 0, operator: str = "Conv") -> tuple[Any, Any]:
    """The stored weights of a quantised layer, and their scales."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    makers = {node.output[0]: node for node in model.graph.node}
    node = [node for node in model.graph.node if node.op_type == operator][number]
    reader = makers[node.input[1]]
    return constants[reader.input[0]], constants[reader.input[1]]


# The conversion: what the converter's hand may do wrong.


@defect(GateError, "the conversion changed the model: .*not numbers", _floats)
def weights_that_are_no_numbers(good: Conversion) -> Conversion:
    return in_graph(good, lambda model: rewritten(constant(model, "c3.w"), lambda w: w * np.nan))


@defect(GateError, "the conversion changed the model", _floats)
def a_weight_that_is_infinite(good: Conversion) -> Conversion:
    def spoil(weights: Any) -> Any:
        weights.flat[7] = np.inf
        return weights

    return in_graph(good, lambda model: rewritten(constant(model, "c1.w"), spoil))


@defect(GateError, "the conversion changed the model: its largest error", _floats)
def a_relu6_that_lost_its_six(good: Conversion) -> Conversion:
    return in_graph(good, lambda model: rewritten(constant(model, "c1.act.high"), lambda high: high * 0 + 0.5))


@defect(GateError, "the conversion changed the model: its largest error", _floats)
def stale_batch_statistics(good: Conversion) -> Conversion:
    return in_graph(good, lambda model: rewritten(constant(model, "bn.mean"), lambda mean: mean * 0))


@defect(GateError, "the conversion changed the model: its largest error", _floats)
def a_pruned_channel(good: Conversion) -> Conversion:
    def prune(weights: Any) -> Any:
        weights[3] = 0
        return weights

    return in_graph(good, lambda model: rewritten(constant(model, "c3.w"), prune))


@defect(GateError, "the conversion changed the model: its largest error", _floats)
def a_transposed_kernel(good: Conversion) -> Conversion:
    return in_graph(good, lambda model: rewritten(constant(model, "c1.w"), lambda w: w.transpose(0, 1, 3, 2)))


@defect(GateError, "the conversion changed the model: its largest error", _floats)
def another_padding(good: Conversion) -> Conversion:
    def shift(model: Any) -> None:
        node = next(node for node in model.graph.node if node.name == "c1")
        pads = next(attribute for attribute in node.attribute if attribute.name == "pads")
        pads.ints[:] = [0, 0, 2, 2]

    return in_graph(good, shift)


@defect(GateError, "the conversion changed the model: its largest error", _floats)
def the_weights_of_another_run(good: Conversion) -> Conversion:
    return replace(good, model=converted(recipe="onnx-float32", shape=RELU6._replace(seed=9)).model)


@defect(GateError, "the conversion changed the model: its largest error", lambda: converted("regress", "onnx-float32"))
def swapped_outputs(good: Conversion) -> Conversion:
    names = {"size": "height", "height": "size"}

    def swap(model: Any) -> None:
        for node in model.graph.node:
            node.output[:] = [names.get(name, name) for name in node.output]

    return in_graph(good, swap)


@defect(ModelError, "the output 'scores' was lost on the way")
def a_renamed_output(good: Conversion) -> Conversion:
    def rename(model: Any) -> None:
        for node in model.graph.node:
            node.output[:] = ["logits" if name == "scores" else name for name in node.output]
        model.graph.output[0].name = "logits"

    return in_graph(good, rename)


@defect(GateError, r"it answers \(32, 3\) at 'scores', expected \(32, 4\)", _floats)
def a_class_fewer(good: Conversion) -> Conversion:
    def cut(model: Any) -> None:
        rewritten(constant(model, "scores.w"), lambda weights: weights[:, :3])
        rewritten(constant(model, "scores.b"), lambda bias: bias[:3])
        model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 3

    return in_graph(good, cut)


# Quantisation: numbers that were rounded wrongly.


@defect(GateError, "quantisation lost too much")
def a_layer_of_zeros(good: Conversion) -> Conversion:
    return in_graph(good, lambda model: rewritten(layer(model, 2)[0], lambda weights: weights * 0))


@defect(GateError, "quantisation lost too much")
def a_wrong_scale(good: Conversion) -> Conversion:
    return in_graph(good, lambda model: rewritten(layer(model, 0)[1], lambda scale: scale * 8))


@defect(GateError, "quantisation lost too much")
def a_wrong_zero_point(good: Conversion) -> Conversion:
    def shift(model: Any) -> None:
        writers = {node.output[0]: node for node in model.graph.node if node.op_type == "QuantizeLinear"}
        reader = next(n for n in model.graph.node if n.op_type == "DequantizeLinear" and n.input[0] in writers)
        known = constant(model, reader.input[2])
        moved = numpy_helper.from_array(numpy_helper.to_array(known) + np.uint8(64), "moved")
        model.graph.initializer.append(moved)
        reader.input[2] = "moved"

    return in_graph(good, shift)


@defect(GateError, "quantisation lost too much")
def a_scale_that_is_no_number(good: Conversion) -> Conversion:
    return in_graph(good, lambda model: rewritten(layer(model, 1)[1], lambda scale: scale * np.nan))


@defect(GateError, "quantisation lost too much")
def red_and_blue_exchanged(good: Conversion) -> Conversion:
    return in_graph(good, lambda model: rewritten(layer(model, 0)[0], lambda weights: weights[:, ::-1]))


@defect(GateError, "quantisation lost too much")
def a_bias_beyond_its_type(good: Conversion) -> Conversion:
    def overflow(model: Any) -> None:
        biases = (tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.INT32)
        rewritten(next(biases), lambda bias: bias.astype(np.int64) * 0 + 2**31 - 1)

    return in_graph(good, overflow)


@defect(GateError, "quantisation lost too much: .*every picture gets the same answer")
def one_answer_for_all(good: Conversion) -> Conversion:
    return in_graph(good, lambda model: rewritten(layer(model, 0, "Gemm")[0], lambda weights: weights * 0))


@defect(GateError, "quantisation lost too much")
def an_older_models_file(good: Conversion) -> Conversion:
    return replace(good, model=converted(shape=Shape(train=12)).model)


@defect(GateError, "quantisation lost too much: (boxes overlap|only)", _detector)
def boxes_collapsed_while_scores_survive(good: Conversion) -> Conversion:
    return in_graph(good, lambda model: _behind(model, "boxes", "Mul", np.array([0.05], np.float32)))


@defect(GateError, "quantisation lost too much: boxes overlap", _detector)
def boxes_shifted_while_scores_survive(good: Conversion) -> Conversion:
    return in_graph(good, lambda model: _behind(model, "boxes", "Add", np.array([0.03], np.float32)))


@defect(GateError, "quantisation lost too much", _detector)
def scores_lost_while_boxes_survive(good: Conversion) -> Conversion:
    return in_graph(good, lambda model: _behind(model, "scores", "Mul", np.array([0.3], np.float32)))


def _behind(model: Any, output: str, operator: str, number: Any) -> None:
    """One more operator before an output."""
    maker = next(node for node in model.graph.node if output in node.output)
    maker.output[:] = [f"{output}.before" if name == output else name for name in maker.output]
    model.graph.initializer.append(numpy_helper.from_array(number, f"{output}.number"))
    model.graph.node.append(helper.make_node(operator, [f"{output}.before", f"{output}.number"], [output]))


# Kernels of a processor.


@cache
def bright() -> Conversion:
    """A model of random weights that sees bright pictures, with which sums of products are large."""
    seen = [np.rint(255 * picture["x"][0].transpose(1, 2, 0)).astype(np.uint8) for picture in pictures()]
    others = np.random.default_rng(6).integers(0, 256, (40, 16, 16, 3)).astype(np.uint8)
    source = replace(
        converted().source,
        preprocessing=Preprocessing(size_wh=(16, 16), layout="nchw"),
        outputs=("y",),
        decoding=Classify(scores="y", activation="softmax"),
        labels=("a", "b", "c", "d", "e"),
        calibration=Pictures(others, np.full(len(others), UNKNOWN)),
        golden=Pictures(np.stack(seen), np.full(len(seen), UNKNOWN)),
    )
    floats = float_model().SerializeToString()
    truth = answered(draft_of(source, "onnx-float32", floats), floats, source.golden)
    with np.load(SATURATION) as archive:
        return Conversion(source, "onnx-int8", truth, floats, archive["unsigned.model"].tobytes())


@defect(GateError, "this processor's kernels compute it wrongly: .*without VNNI", bright)
def sums_that_saturate_on_the_device(good: Conversion) -> Conversion:
    return replace(good, profile="generic-x86_64")


# What the manifest says of the file.


@defect(GateError, "quantisation lost too much")
def a_wrong_mean(good: Conversion) -> Conversion:
    return _fed(good, mean=(127.5,))


@defect(GateError, "quantisation lost too much")
def pixels_multiplied_by_255(good: Conversion) -> Conversion:
    return _fed(good, std=(1.0,))


@defect(ModelError, "the preprocessing makes")
def another_layout(good: Conversion) -> Conversion:
    return _fed(good, layout="nhwc")


@defect(ModelError, "the preprocessing makes")
def another_picture_size(good: Conversion) -> Conversion:
    return _fed(good, size_wh=(24, 24))


def _fed(good: Conversion, **preprocessing: Any) -> Conversion:
    draft = draft_of(good.source, good.recipe, good.model)
    fed = msgspec.structs.replace(draft.preprocessing, **preprocessing)
    return replace(good, draft=msgspec.structs.replace(draft, preprocessing=fed))


@defect(ModelError, "the manifest promises", lambda: tiny())
def another_scale_promised(good: Conversion) -> Conversion:
    draft = draft_of(good.source, good.recipe, good.model)
    (output,) = draft.outputs
    assert output.quantization is not None
    twice = msgspec.structs.replace(output.quantization, scale=2 * output.quantization.scale)
    outputs = (msgspec.structs.replace(output, quantization=twice),)
    return replace(good, draft=msgspec.structs.replace(draft, outputs=outputs))


# The file's form.


@defect(ModelError, "not float32 of fixed size with batch 1")
def a_dynamic_batch(good: Conversion) -> Conversion:
    def open_batch(model: Any) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"

    return in_graph(good, open_batch)


@defect(FerryError, "2 inputs")
def an_extra_input(good: Conversion) -> Conversion:
    extra = helper.make_tensor_value_info("training", onnx.TensorProto.FLOAT, [1, 1])
    return in_graph(good, lambda model: model.graph.input.append(extra))


@defect(ModelError, "can run: .*Unsupported")
def an_ir_from_the_future(good: Conversion) -> Conversion:
    return in_graph(good, lambda model: setattr(model, "ir_version", 99))


@defect(ModelError, "can run: .*ValidateOpsetForDomain")
def an_opset_from_the_future(good: Conversion) -> Conversion:
    return in_graph(good, lambda model: setattr(model.opset_import[0], "version", 99))


@defect(ModelError, "can run")
def half_a_model(good: Conversion) -> Conversion:
    return replace(good, model=good.model[: len(good.model) // 2])


@defect(ModelError, "stayed in floating point")
def a_layer_left_in_float(good: Conversion) -> Conversion:
    return replace(good, model=good.floats or b"")


@defect(ModelError, "QuantizeLinear", _floats)
def a_quantised_layer_in_a_float_file(good: Conversion) -> Conversion:
    return replace(good, model=converted(shape=RELU6).model)


@defect(ModelError, "can run: .*FlattenTwice")
def an_operator_of_nobody(good: Conversion) -> Conversion:
    def rename(model: Any) -> None:
        next(node for node in model.graph.node if node.op_type == "Flatten").op_type = "FlattenTwice"

    return in_graph(good, rename)


@defect(ModelError, "VAR_HANDLE: its weights were left outside", lambda: tiny())
def weights_left_outside(good: Conversion) -> Conversion:
    return in_tree(good, lambda tree: _operator(tree, schema.BuiltinOperator.VAR_HANDLE))


@defect(ModelError, "custom operator 'FlexSoftmax'", lambda: tiny())
def a_flex_operator(good: Conversion) -> Conversion:
    def flex(tree: Any) -> None:
        _operator(tree, schema.BuiltinOperator.CUSTOM)
        tree.operatorCodes[-1].customCode = b"FlexSoftmax"

    return in_tree(good, flex)


def _operator(tree: Any, builtin: int) -> None:
    """The last operator becomes another."""
    tree.subgraphs[0].operators[-1].opcodeIndex = operator_place(tree, builtin)


@defect(ModelError, "no fixed size", lambda: tiny())
def an_open_batch_in_tflite(good: Conversion) -> Conversion:
    def open_batch(tree: Any) -> None:
        tree.subgraphs[0].tensors[0].shapeSignature = np.array([-1, 16, 24, 3], np.int32)

    return in_tree(good, open_batch)


@defect(ModelError, "is FLOAT32", lambda: tiny())
def a_float_tensor_in_an_int8_file(good: Conversion) -> Conversion:
    return replace(good, model=good.floats or b"")


@defect(ModelError, "scale a channel|scales?", lambda: tiny())
def a_dense_layer_with_many_scales_for_the_edge_tpu(good: Conversion) -> Conversion:
    return replace(good, model=(MODELS / TINY).read_bytes())


@defect(ModelError, "a damaged TFLite file", lambda: tiny())
def half_a_tflite_model(good: Conversion) -> Conversion:
    return replace(good, model=good.model[: len(good.model) // 2])


# Pictures and labels.


@defect(DataError, "are black: all pixels are 0")
def black_calibration(good: Conversion) -> Conversion:
    return _calibrated(good, lambda frames: frames * 0)


@defect(DataError, "divided by 255 before")
def calibration_divided_twice(good: Conversion) -> Conversion:
    return _calibrated(good, lambda frames: np.rint(frames / 255).astype(np.uint8))


@defect(DataError, "one says nothing of the range")
def one_picture_to_calibrate_on(good: Conversion) -> Conversion:
    return _calibrated(good, lambda frames: frames[:1])


@defect(DataError, "are golden ones too")
def a_golden_picture_to_calibrate_on(good: Conversion) -> Conversion:
    return _calibrated(good, lambda frames: np.concatenate([frames[1:], good.source.golden.frames[:1]]))


@defect(DataError, "are noise")
def noise_to_calibrate_on(good: Conversion) -> Conversion:
    random = np.random.default_rng(0)
    return _calibrated(good, lambda frames: random.integers(0, 256, frames.shape).astype(np.uint8))


def _calibrated(good: Conversion, change: Callable[[Any], Any]) -> Conversion:
    frames = change(scenes(40, 2).pictures.frames)
    return changed(good, calibration=Pictures(frames, scenes(40, 2).pictures.labels[: len(frames)]))


@defect(DataError, "another order than the model's")
def labels_in_another_order(good: Conversion) -> Conversion:
    moved = np.array([1, 2, 3, 0])[good.source.golden.labels]
    return changed(good, golden=Pictures(good.source.golden.frames, moved))


@defect(DataError, "3 labels")
def a_missing_label(good: Conversion) -> Conversion:
    return changed(good, labels=good.source.labels[:3])


# The bundle.


@defect(FerryError, "wrong answer on golden")
def golden_answers_of_an_older_model(good: Conversion) -> Conversion:
    older = check_bundle(check(converted(shape=Shape(seed=4))), None, where="older")
    stale = io.BytesIO(older.members[GOLDEN])
    with np.load(stale) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["output:scores"] = arrays["output:scores"][:, ::-1]
    written = io.BytesIO()
    np.savez(written, **arrays)
    return replace(good, members=((GOLDEN, written.getvalue()),))


@defect(BundleError, "golden frames cannot be read")
def golden_frames_cut_short(good: Conversion) -> Conversion:
    return replace(good, members=((GOLDEN, b"PK\3\4"),))


@defect(BundleError, "knows a class")
def the_drift_reference_of_another_model(good: Conversion) -> Conversion:
    others = replace(changed(good, labels=("cat", "dog", "owl", "pig")))
    stranger = check_bundle(check(others), None, where="other")
    return replace(good, members=((REFERENCE, stranger.members[REFERENCE]),))


@defect(BundleError, "are not the labels of the manifest")
def the_labels_file_of_another_model(good: Conversion) -> Conversion:
    return replace(good, members=((LABELS, b"cat\ndog\nowl\npig\n"),))


@sealed_defect(BundleError, "damaged|directory")
def one_bit_of_the_model(data: bytes) -> bytes:
    at = data.index(b"model.onnx") + 4000
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@sealed_defect(BundleError, "cut short|not a bundle")
def a_bundle_cut_short(data: bytes) -> bytes:
    return data[:-100]


@sealed_defect(BundleError, "not the ones the manifest lists")
def a_member_missing(data: bytes) -> bytes:
    return _resealed(data, lambda members: members.pop(LABELS))


@sealed_defect(BundleError, "not the ones the manifest lists")
def a_member_too_many(data: bytes) -> bytes:
    return _resealed(data, lambda members: members.update({"more.txt": b"more"}))


def _resealed(data: bytes, change: Callable[[dict[str, bytes]], Any]) -> bytes:
    """The container written for other members than the signed manifest lists."""
    from tests.contract.small_bundle import Promise, wrapped

    bundle = check_bundle(data, None, where="good")
    members = dict(bundle.members)
    change(members)
    return wrapped(Promise(to_pretty_json(bundle.manifest), members))


@sealed_defect(SignatureError, "trust|nobody")
def a_strangers_signature(data: bytes) -> bytes:
    bundle = check_bundle(data, None, where="good")
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    envelope = sign(MANIFEST_TYPE, to_pretty_json(bundle.manifest), "sha256:" + "1" * 64, key.sign, detached=True)
    stream = io.BytesIO()
    seal(stream, bundle.manifest, bundle.members, envelope)
    return stream.getvalue()
