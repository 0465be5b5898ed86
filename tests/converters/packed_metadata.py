"""TFLite metadata as its writers make it, from plain Python: a table is a dictionary by field number."""

from __future__ import annotations

import io
import zipfile
from typing import Any, NamedTuple

import flatbuffers

from tests.converters.tiny_tflite import Graph, Operator, Tensor, tflite


class Byte(NamedTuple):
    """A number of one byte: enumerations and the kinds of unions."""

    value: int


def flatbuffer(root: dict[int, Any], identifier: bytes) -> bytes:
    """The buffer of `root`; values are tables, text, floats, bytes, `Byte`, or lists of tables or floats."""
    builder = flatbuffers.Builder(256)
    builder.Finish(_table(builder, root), identifier)
    return bytes(builder.Output())


def model_with(metadata: bytes | None, files: dict[str, bytes], *, classes: int = 3) -> bytes:
    """A model that copies (1, `classes`) numbers, with `metadata` inside and `files` at its end."""
    tensors = [Tensor("x", (1, classes)), Tensor("y", (1, classes))]
    entries = {} if metadata is None else {"TFLITE_METADATA": metadata}
    model = tflite(Graph(tensors, [Operator("ABS", (0,), (1,))], (0,), (1,)), metadata=entries)
    return with_files(model, files)


def with_files(model: bytes, files: dict[str, bytes]) -> bytes:
    """`model` with `files` zipped to its end."""
    stream = io.BytesIO(model)
    if files:
        with zipfile.ZipFile(stream, "a") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    return stream.getvalue()


def _table(builder: Any, fields: dict[int, Any]) -> int:
    built = {field: _built(builder, value) for field, value in fields.items()}
    builder.StartObject(max(fields, default=0) + 1)
    for field, value in built.items():
        if isinstance(value, Byte):
            builder.PrependUint8Slot(field, value.value, 0)
        elif isinstance(value, float):
            builder.PrependFloat32Slot(field, value, 0.0)
        else:
            builder.PrependUOffsetTRelativeSlot(field, value, 0)
    return int(builder.EndObject())


def _built(builder: Any, value: Any) -> Any:
    """A number as it is; what lies elsewhere by its offset."""
    if isinstance(value, dict):
        return _table(builder, value)
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, bytes):
        return builder.CreateByteVector(value)
    if isinstance(value, list):
        return _vector(builder, value)
    return value


def _vector(builder: Any, items: list[Any]) -> int:
    if items and isinstance(items[0], float):
        builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            builder.PrependFloat32(item)
        return int(builder.EndVector())
    tables = [_table(builder, item) for item in items]
    builder.StartVector(4, len(tables), 4)
    for offset in reversed(tables):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())
