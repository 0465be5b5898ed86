"""TensorFlow to ONNX in floating point, batch 1, by tf2onnx; halves and bytes are made from it.

Runs inside `converters.worker` only. tf2onnx is called step by step, because its own way through copies all weights
some forty times: a VGG16 took 13 GB. Here weights are set aside while graphs are imported and folded
(`compress_graph_def`, its own means for large models), and nodes are written as messages once at the end and not after
each optimisation, as a message that is written over keeps its memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from onnx import numpy_helper
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tf2onnx import optimizer, tf_utils, tfonnx

from contract.errors import ModelError
from converters.onnx_audit import audit
from converters.onnx_canonical import canonical
from converters.onnx_form import OnnxForm
from converters.tensorflow_model import InlinedFunctions, Network

_REPEATING = {"coordinate_transformation_mode": b"tf_half_pixel_for_nn", "nearest_mode": b"floor"}
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_COMPILED, _PLAIN = "_XlaMustCompile", "_plain"


def to_onnx(network: Network, form: OnnxForm, *, where: str) -> bytes:
    """`network` as canonical ONNX, float32 in and out, under its own names. ModelError where tf2onnx refuses.

    From the traced function and not from the Keras model: tf2onnx knows no Sequential ones, and names outputs anew.
    """
    try:
        converted = _converted(*_frozen(network), form.own_opset)
        _say_resizes_plainly(converted.graph)
    except (ValueError, KeyError, TypeError, RuntimeError, NotImplementedError, AssertionError) as problem:
        raise ModelError(
            f"tf2onnx refused it: {str(problem).splitlines()[0] if str(problem) else type(problem).__name__}",
            where=where,
            fix="Use plain convolutions, Dense, pooling and ReLU.",
        ) from problem
    made = canonical(converted, inputs=tuple(network.inputs), outputs=network.outputs, where=where)
    audit(made, "onnx-float32", where=where)
    return bytes(made.SerializeToString(deterministic=True))


def _frozen(network: Network) -> tuple[Any, list[str], list[str]]:
    """A GraphDef with nothing but constants and plain operators in it, and its inputs and outputs by name, in order.

    A trace alone will not do: what it caught becomes inputs, among them the mean and variance of a Normalization
    layer, and a call of a function is written as it stands, which no runtime knows.
    """
    with InlinedFunctions():
        frozen = convert_variables_to_constants_v2(network.function().get_concrete_function())
    if any(operation.type in _CALLS for operation in frozen.graph.get_operations()):
        frozen = convert_variables_to_constants_v2(_without_xla(frozen), aggressive_inlining=True)
    names = [[tensor.name for tensor in tensors] for tensors in (frozen.inputs, frozen.outputs)]
    return frozen.graph.as_graph_def(add_shapes=True), names[0], names[1]


def _without_xla(frozen: Any) -> Any:
    """The same function without the wish that parts of it be compiled, which keeps them from being inlined.

    A SavedModel has such calls in it from the day it was written: grouped convolutions of Keras.
    """
    graph = frozen.graph.as_graph_def()
    for function in graph.library.function:
        function.attr.pop(_COMPILED, None)
        # Under a name of its own, as TensorFlow knows the old one already, by another body.
        function.signature.name += _PLAIN
    for body in (graph.node, *(function.node_def for function in graph.library.function)):
        for node in body:
            node.attr.pop(_COMPILED, None)
            if node.op in _CALLS:
                node.attr["f"].func.name += _PLAIN
    inputs, outputs = ([tensor.name for tensor in tensors] for tensors in (frozen.inputs, frozen.outputs))

    def again(*tensors: Any) -> Any:
        given = dict(zip(inputs, tensors, strict=True))
        return [tf.identity(found) for found in tf.graph_util.import_graph_def(graph, given, return_elements=outputs)]

    signature = [tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.op.name) for tensor in frozen.inputs]
    return tf.function(again, input_signature=signature).get_concrete_function()


def _converted(graph_def: Any, inputs: Sequence[str], outputs: Sequence[str], opset: int) -> Any:
    """A ModelProto whose inputs and outputs stand in the order asked for."""
    weights = tf_utils.compress_graph_def(graph_def)
    with tf.Graph().as_default() as tf_graph:
        tf.import_graph_def(graph_def, name="")
        graph = tfonnx.process_tf_graph(
            tf_graph,
            opset=opset,
            input_names=list(inputs),
            output_names=list(outputs),
            const_node_values=weights,
            custom_op_handlers={"Erfc": (_erfc, [])},
        )
    weights.clear()
    graph.update_proto = _later
    graph = optimizer.optimize_graph(graph, catch_errors=False)
    vars(graph).pop("update_proto", None)
    model = graph.make_model(__name__)
    for values, names in ((model.graph.input, inputs), (model.graph.output, outputs)):
        by_name = {value.name: value for value in values}
        ordered = [by_name[name] for name in names]
        del values[:]
        values.extend(ordered)
    return model


def _say_resizes_plainly(graph: Any) -> None:
    """`asymmetric` for the deprecated `tf_half_pixel_for_nn`, where whole pixels are repeated and both are the same.

    floor((x + 0.5) / n) is floor(x / n) for whole x and n; onnxruntime warns at each opening otherwise.
    """
    resizes = [node for node in graph.node if node.op_type == "Resize" and len(node.input) > 2]
    asked = {node.input[2] for node in resizes}
    scales = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name in asked}
    for node in resizes:
        times = scales.get(node.input[2], np.empty(0))
        whole = times.size > 0 and bool((times == np.floor(times)).all())
        how = {attribute.name: attribute for attribute in node.attribute}
        if whole and all(name in how and how[name].s == value for name, value in _REPEATING.items()):
            how["coordinate_transformation_mode"].s = b"asymmetric"


def _later(*_: object) -> None:
    """In place of `Graph.update_proto` while optimisations run; `make_model` calls the true one."""


def _erfc(graph: Any, node: Any, *_: object) -> None:
    """1 - erf(x) for the one operator of GELU that tf2onnx has no word for; ConvNeXt is full of it."""
    one = graph.make_const(f"{node.name}/one", np.ones((), np.float32))
    error = graph.make_node("Erf", list(node.input))
    node.type = "Sub"
    graph.replace_inputs(node, [one.output[0], error.output[0]])
