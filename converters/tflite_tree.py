"""A `.tflite` file as a tree of plain objects that can be read, changed and written again.

The schema module comes with ai-edge-litert; no TensorFlow is needed. Format: schema.fbs of LiteRT. What the tree means
is left to the files that use it.
"""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

from contract.errors import ModelError

_IDENTIFIER = b"TFL3"


def read_tree(model: bytes, *, where: str) -> Any:
    """The schema's `ModelT` of `model`; ModelError where it is no TFLite file, or a damaged one."""
    from ai_edge_litert import schema_py_generated as schema

    if model[4:8] != _IDENTIFIER:
        raise ModelError("not a TFLite file", where=where, fix="Convert the model again.")
    try:
        return schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    except (struct.error, IndexError, ValueError, TypeError, AttributeError) as problem:
        raise ModelError("a damaged TFLite file", where=where, fix="Convert the model again.") from problem


def write_tree(tree: Any, *, attached_to: bytes) -> bytes:
    """The file of `tree`, with the files (labels, mostly) that were zipped to the end of the one it was read from.

    Source of that habit: "Adding metadata to LiteRT models", ai.google.dev/edge/litert.
    """
    import flatbuffers

    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(tree.Pack(builder), _IDENTIFIER)
    written = io.BytesIO(bytes(builder.Output()))
    old = io.BytesIO(attached_to)
    if zipfile.is_zipfile(old):
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
