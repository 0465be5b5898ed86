"""Models that are sound files and bad company: they never return, or take the process that runs them with them."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.converters.tiny_tflite import Graph, Operator, Tensor, tflite

ENDLESS_STEPS = np.iinfo(np.int64).max


def crashing_tflite() -> bytes:
    """STRIDED_SLICE whose begin, end and strides are marked as left out (-1): LiteRT 2.3 follows a null pointer for
    them while it opens the file. Inputs that are simply missing would read whatever lies behind the list.
    """
    tensors = [Tensor("x", (1, 4)), Tensor("y", (1, 2))]
    cut = Operator("STRIDED_SLICE", (0, -1, -1, -1), (1,), schema.StridedSliceOptionsT())
    return tflite(Graph(tensors, [cut], (0,), (1,)))


def endless_tflite() -> bytes:
    """WHILE a sum is at most itself."""
    options = schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = 1, 2
    x, y = Tensor("x", (1, 2)), Tensor("y", (1, 2))
    main = Graph([x, y], [Operator("WHILE", (0,), (1,), options)], (0,), (1,))
    axes = Tensor("axes", (2,), "INT32", np.array([0, 1], np.int32))
    condition = Graph(
        [x, axes, Tensor("sum", ()), Tensor("go", (), "BOOL")],
        [Operator("SUM", (0, 1), (2,), schema.ReducerOptionsT()), Operator("LESS_EQUAL", (2, 2), (3,))],
        (0,),
        (3,),
    )
    return tflite(main, condition, Graph([x, y], [Operator("ABS", (0,), (1,))], (0,), (1,)))


def endless_onnx() -> bytes:
    """A Loop of 2^63 - 1 steps."""
    from onnx import TensorProto, helper

    step = [
        helper.make_tensor_value_info("i", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2]),
    ]
    done = [
        helper.make_tensor_value_info("on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2]),
    ]
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Abs", ["x"], ["y"])], "body", step, done
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["steps", "yes", "in"], ["out"], body=body)],
        "endless",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 2])],
        [
            helper.make_tensor("steps", TensorProto.INT64, [], [ENDLESS_STEPS]),
            helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())
