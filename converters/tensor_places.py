"""Where the constant tensors of a model lie in its file, so that equal ones of two files can be laid side by side.

Bytes are looked at, never changed. TFLite: schema.fbs of LiteRT, read by the schema module of ai-edge-litert. ONNX:
onnx.proto3 by a walk of its own (protobuf.dev/programming-guides/encoding), because the onnx package says what a
tensor holds and not where. A file that cannot be read has no tensors here: the delta is larger then, and still right.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from contract.manifest import Format

_GRAPH, _INITIALIZER, _NAME, _RAW_DATA = 7, 5, 8, 9
"""Fields ModelProto.graph, GraphProto.initializer, TensorProto.name and TensorProto.raw_data."""


class Place(NamedTuple):
    """One tensor's bytes."""

    name: str
    start: int
    size_bytes: int

    @property
    def end(self) -> int:
        """Where the next thing begins."""
        return self.start + self.size_bytes


def tensor_places(model: bytes, format: Format) -> list[Place]:
    """The constant tensors in the file `model`, in its order and without overlaps; none where it cannot be read."""
    walk = _tflite if format == "tflite" else _onnx
    try:
        found = sorted(walk(model), key=lambda place: place.start)
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, UnicodeDecodeError):
        return []
    places: list[Place] = []
    for place in found:
        if place.size_bytes > 0 and place.end <= len(model) and (not places or places[-1].end <= place.start):
            places.append(place)
    return places


def _tflite(model: bytes) -> Iterator[Place]:
    from ai_edge_litert import schema_py_generated as schema

    root = schema.Model.GetRootAs(model, 0)
    names: dict[int, str] = {}
    for graph in map(root.Subgraphs, range(root.SubgraphsLength())):
        for tensor in map(graph.Tensors, range(graph.TensorsLength())):
            names.setdefault(tensor.Buffer(), (tensor.Name() or b"").decode(errors="replace"))
    for number in range(root.BuffersLength()):
        buffer = root.Buffers(number)
        if buffer.DataLength():
            # The generated class hides where its vector begins; its table knows (field `data` has slot 4).
            start = buffer._tab.Vector(buffer._tab.Offset(4))
            yield Place(names.get(number, ""), start, buffer.DataLength())
        elif buffer.Offset() > 1:
            yield Place(names.get(number, ""), buffer.Offset(), buffer.Size())


def _onnx(model: bytes) -> Iterator[Place]:
    for field, start, end in _fields(model, 0, len(model)):
        if field == _GRAPH:
            for inner, begin, stop in _fields(model, start, end):
                if inner == _INITIALIZER:
                    parts = {part: (at, to) for part, at, to in _fields(model, begin, stop)}
                    at, to = parts.get(_RAW_DATA, (0, 0))
                    yield Place(model[slice(*parts.get(_NAME, (0, 0)))].decode(), at, to - at)


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(number, start, end) of each length-delimited field between `at` and `end`; others are stepped over."""
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            _, at = _varint(data, at)
        elif kind == 2:
            size, at = _varint(data, at)
            yield key >> 3, at, at + size
            at += size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
