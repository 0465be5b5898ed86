"""ONNX to float TFLite by the program `onnx2tf`, for devices that read nothing else.

Runs inside `converters.worker` only. onnx2tf is no part of our environment and is not imported: it pins another version
of nearly everything beside it and wants Python 3.12, so it lives in an environment of its own and is called by its
name. It writes flatbuffers by itself and needs no TensorFlow. It turns pictures from NCHW to NHWC; outputs that are
pictures are turned back here, so that they are what the source's are.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx

from contract.errors import ModelError
from converters.jobs import PROGRAMS, check_installed, describe_end
from converters.tflite_audit import audit
from converters.tflite_ends import sign
from converters.tflite_tree import add_constant, operator_place, read_tree, write_tree

LIMIT_S = 900
_TO_NCHW = (0, 3, 1, 2)
_INT8_TRANSPOSE = 2
"""The first version of TRANSPOSE that knows int8; op_version.cc of LiteRT."""
_FIX = "Convert to ONNX for devices that read it, or export the model from where it was trained to TFLite."


def to_tflite(path: Path, outputs: Sequence[str], *, where: str) -> bytes:
    """The float model in `path`, canonical, as float32 `.tflite` with the same outputs in the same order.

    ModelError where onnx2tf refuses, does not come to an end, or writes other outputs; MissingPartError without it.
    """
    check_installed("onnx-tflite")
    with TemporaryDirectory(dir=path.parent) as scratch:
        _run(path, Path(scratch), where)
        written = sorted(Path(scratch).glob("*_float32.tflite"))
        if len(written) != 1:
            raise ModelError("onnx2tf wrote no float32 model", where=where, fix=_FIX)
        model = written[0].read_bytes()
    tree = read_tree(model, where=where)
    shapes = {value.name: _sizes(value) for value in onnx.load(str(path), load_external_data=False).graph.output}
    _order(tree, outputs, shapes, where)
    made = write_tree(tree, attached_to=b"")
    audit(made, "tflite-float32", where=where)
    return made


def _run(path: Path, scratch: Path, where: str) -> None:
    command = [shutil.which(PROGRAMS["onnx-tflite"]) or "", "-i", path, "-o", scratch, "--non_verbose"]
    try:
        ended = subprocess.run(
            list(map(str, command)), cwd=scratch, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as problem:
        raise ModelError(f"onnx2tf did not end within {LIMIT_S} s", where=where, fix=_FIX) from problem
    if ended.returncode != 0:
        what = f"onnx2tf {describe_end(ended.returncode, ended.stdout + ended.stderr)[:300]}"
        raise ModelError(what, where=where, fix=_FIX)


def _sizes(value: Any) -> tuple[int, ...]:
    return tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)


def _order(tree: Any, outputs: Sequence[str], shapes: dict[str, tuple[int, ...]], where: str) -> None:
    """Outputs by name as the source has them, each with its sizes in its order of axes."""
    graph = tree.subgraphs[0]
    there = {graph.tensors[index].name.decode(): int(index) for index in graph.outputs}
    if set(there) != set(outputs):
        raise ModelError(f"onnx2tf wrote the outputs {', '.join(there)}", where=where, fix=_FIX)
    graph.outputs = [_turned(tree, there[name], shapes[name], where) for name in outputs]
    sign(tree)


def _turned(tree: Any, index: int, wanted: tuple[int, ...], where: str) -> int:
    """The tensor itself where it has the sizes wanted, or a new one behind a TRANSPOSE that gives it them."""
    tensor = tree.subgraphs[0].tensors[index]
    shape = tuple(map(int, tensor.shape))
    if shape == wanted:
        return index
    if len(shape) != 4 or tuple(shape[axis] for axis in _TO_NCHW) != wanted:
        what = f"onnx2tf answers {tensor.name.decode()!r} as {shape}, the source as {wanted}"
        raise ModelError(what, where=where, fix=_FIX)
    return _transpose(tree, index, wanted)


def _transpose(tree: Any, index: int, wanted: tuple[int, ...]) -> int:
    from ai_edge_litert import schema_py_generated as schema

    graph = tree.subgraphs[0]
    source = graph.tensors[index]
    axes, turned = add_constant(tree, f"{source.name.decode()}/axes", np.asarray(_TO_NCHW, np.int32)), schema.TensorT()
    turned.name, turned.type, turned.buffer = source.name, source.type, 0
    turned.shape = np.asarray(wanted, np.int32)
    source.name = source.name + b"/nhwc"
    graph.tensors.append(turned)
    operator = schema.OperatorT()
    operator.opcodeIndex = operator_place(tree, schema.BuiltinOperator.TRANSPOSE, version=_INT8_TRANSPOSE)
    operator.inputs = np.asarray([index, axes], np.int32)
    operator.outputs = np.asarray([len(graph.tensors) - 1], np.int32)
    operator.builtinOptionsType = schema.BuiltinOptions.TransposeOptions
    operator.builtinOptions = schema.TransposeOptionsT()
    graph.operators.append(operator)
    return len(graph.tensors) - 1
