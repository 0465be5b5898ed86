"""A `.tflite` file as a tree of plain objects that can be read, changed and written again.

The schema module comes with ai-edge-litert; no TensorFlow is needed. Format: schema.fbs of LiteRT. What the tree means
is left to the files that use it.
"""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.errors import ModelError

_IDENTIFIER = b"TFL3"
_OLDER_FIELD_ENDS = 127
"""PLACEHOLDER_FOR_GREATER_OP_CODES in schema.fbs."""


def read_tree(model: bytes, *, where: str) -> Any:
    """The schema's `ModelT` of `model`; ModelError where it is no TFLite file, or a damaged one."""
    from ai_edge_litert import schema_py_generated as schema

    if model[4:8] != _IDENTIFIER:
        raise ModelError("not a TFLite file", where=where, fix="Convert the model again.")
    try:
        tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
        for buffer in tree.buffers or ():
            _fetch(buffer, model)
    except (struct.error, IndexError, ValueError, TypeError, AttributeError) as problem:
        raise ModelError("a damaged TFLite file", where=where, fix="Convert the model again.") from problem
    return tree


def _fetch(buffer: Any, model: bytes) -> None:
    """Take in what stands behind the flatbuffer, where LiteRT's quantiser puts it and older readers find nothing."""
    if buffer.offset > 1:
        buffer.data = np.frombuffer(model, np.uint8, count=buffer.size, offset=buffer.offset)
        buffer.offset = buffer.size = 0


def write_tree(tree: Any, *, attached_to: bytes) -> bytes:
    """The file of `tree`, with the files (labels, mostly) that were zipped to the end of the one it was read from.

    Source of that habit: "Adding metadata to LiteRT models", ai.google.dev/edge/litert.
    """
    import flatbuffers

    # A builder that is too small starts anew with twice the size: half a GB for nothing where weights are large.
    builder = flatbuffers.Builder(len(attached_to) + (1 << 20))
    builder.Finish(tree.Pack(builder), _IDENTIFIER)
    model, old = bytes(builder.Output()), io.BytesIO(attached_to)
    if not zipfile.is_zipfile(old):
        return model
    written = io.BytesIO(model)
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(written, "a") as target:
        for member in source.infolist():
            target.writestr(member, source.read(member))
    return written.getvalue()


def names_of(enumeration: type) -> dict[int, str]:
    """An enumeration of the schema, by number."""
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def builtin_code(code: Any) -> int:
    """The operator's number: those above 127 stand in the newer field only, old files fill the older one only."""
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))


def operator_place(tree: Any, wanted: int, *, version: int = 1) -> int:
    """Where the builtin operator stands in the file's own table, which gets it where it is missing."""
    from ai_edge_litert import schema_py_generated as schema

    for place, code in enumerate(tree.operatorCodes):
        if builtin_code(code) == wanted:
            code.version = max(code.version, version)
            return place
    new = schema.OperatorCodeT()
    new.builtinCode, new.deprecatedBuiltinCode, new.version = wanted, min(wanted, _OLDER_FIELD_ENDS), version
    tree.operatorCodes.append(new)
    return len(tree.operatorCodes) - 1


def add_constant(tree: Any, name: str, values: NDArray[np.int32]) -> int:
    """A new constant of the first graph, int32; its index."""
    from ai_edge_litert import schema_py_generated as schema

    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(values.astype("<i4").tobytes(), np.uint8)
    tree.buffers.append(buffer)
    tensor.name, tensor.type, tensor.buffer = name.encode(), schema.TensorType.INT32, len(tree.buffers) - 1
    tensor.shape = np.asarray(values.shape, np.int32)
    tree.subgraphs[0].tensors.append(tensor)
    return len(tree.subgraphs[0].tensors) - 1
