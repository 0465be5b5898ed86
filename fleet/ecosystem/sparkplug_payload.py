"""The payload of Sparkplug B: its protobuf messages, described here from the specification's field numbers.

Eclipse Sparkplug 3.0, chapter 6 (Payloads). Only what this adapter sends and a command needs is described; protobuf
keeps and passes over the rest. The descriptors are made when this is imported, so no compiler is needed.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]

_PACKAGE = "edgeferry.sparkplug"
INT64, UINT32, UINT64, DOUBLE, BOOLEAN, STRING = 4, 7, 8, 10, 11, 12
"""Data types, by the specification's numbers."""
_VALUE_FIELDS = {
    INT64: "long_value",
    UINT32: "int_value",
    UINT64: "long_value",
    DOUBLE: "double_value",
    BOOLEAN: "boolean_value",
    STRING: "string_value",
}
_F = descriptor_pb2.FieldDescriptorProto
_METRIC = (
    ("name", 1, _F.TYPE_STRING),
    ("alias", 2, _F.TYPE_UINT64),
    ("timestamp", 3, _F.TYPE_UINT64),
    ("datatype", 4, _F.TYPE_UINT32),
    ("is_historical", 5, _F.TYPE_BOOL),
    ("is_transient", 6, _F.TYPE_BOOL),
    ("is_null", 7, _F.TYPE_BOOL),
    ("int_value", 10, _F.TYPE_UINT32),
    ("long_value", 11, _F.TYPE_UINT64),
    ("float_value", 12, _F.TYPE_FLOAT),
    ("double_value", 13, _F.TYPE_DOUBLE),
    ("boolean_value", 14, _F.TYPE_BOOL),
    ("string_value", 15, _F.TYPE_STRING),
    ("bytes_value", 16, _F.TYPE_BYTES),
)
_ONEOF_FROM = 10
_PAYLOAD = (
    ("timestamp", 1, _F.TYPE_UINT64),
    ("metrics", 2, _F.TYPE_MESSAGE),
    ("seq", 3, _F.TYPE_UINT64),
    ("uuid", 4, _F.TYPE_STRING),
    ("body", 5, _F.TYPE_BYTES),
)


def _described() -> Any:
    """The class of a payload."""
    file = descriptor_pb2.FileDescriptorProto(name="edgeferry/sparkplug_b.proto", package=_PACKAGE, syntax="proto2")
    metric = file.message_type.add(name="Metric")
    metric.oneof_decl.add(name="value")
    for name, number, kind in _METRIC:
        field = metric.field.add(name=name, number=number, type=kind, label=_F.LABEL_OPTIONAL)
        if number >= _ONEOF_FROM:
            field.oneof_index = 0
    payload = file.message_type.add(name="Payload")
    for name, number, kind in _PAYLOAD:
        field = payload.field.add(name=name, number=number, type=kind, label=_F.LABEL_OPTIONAL)
        if kind == _F.TYPE_MESSAGE:
            field.label, field.type_name = _F.LABEL_REPEATED, f".{_PACKAGE}.Metric"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


Payload = _described()
"""The message class: `Payload()`, `Payload.FromString(data)`."""


def put(metric: Any, value: object, datatype: int) -> None:
    """Set a metric's value, or say that there is none. Signed numbers are written as two's complement."""
    if value is None:
        metric.is_null = True
    elif datatype == INT64:
        metric.long_value = int(value) % 2**64  # type: ignore[call-overload]
    else:
        setattr(metric, _VALUE_FIELDS[datatype], value)


def value_of(metric: Any) -> object:
    """The value of a received metric; None for none."""
    which = metric.WhichOneof("value")
    return None if metric.is_null or which is None else getattr(metric, which)
