"""What the Edge TPU's compiler wrote inside its custom operator: how many weights stay on the chip, how many stream.

The operator carries a package of executables, a FlatBuffer called `DWN1` whose schema is public: google-coral/
libedgetpu, executable/executable.fbs. A model that fits brings two: one that caches its parameters and one that runs;
one that does not fit, a single one that brings its parameters along for every frame. Only sizes and kinds are read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from contract.errors import ModelError

_IDENTIFIER = b"DWN1"
_PACKAGE_MULTI_EXECUTABLE = 1
_MULTI_EXECUTABLES = 0
_EXECUTABLE_PARAMETERS, _EXECUTABLE_KIND = 6, 13
_PARAMETER_CACHING = 1
"""ExecutableType in executable.fbs; the others are 0, stand-alone, and 2, execution only."""


class Memory(NamedTuple):
    """Bytes of parameters."""

    cached: int
    """Sent once, kept on the chip."""
    streamed: int
    """Sent for every frame."""


def parameters(custom_options: bytes, *, where: str) -> Memory:
    """What the operator with these options needs. ModelError where they are no such package."""
    place = custom_options.find(_IDENTIFIER)
    if place < 4:
        raise ModelError("its Edge TPU operator holds no program", where=where, fix="Compile the model again.")
    try:
        sizes = list(_executables(custom_options[place - 4 :]))
    except (struct.error, IndexError, ValueError, TypeError) as problem:
        raise ModelError("its Edge TPU operator is damaged", where=where, fix="Compile the model again.") from problem
    return Memory(
        cached=sum(size for kind, size in sizes if kind == _PARAMETER_CACHING),
        streamed=sum(size for kind, size in sizes if kind != _PARAMETER_CACHING),
    )


def _executables(package: bytes) -> Iterator[tuple[int, int]]:
    """Kind and parameter bytes of each program in the package."""
    inner = _Table.root(package).nested(_PACKAGE_MULTI_EXECUTABLE)
    for blob in _Table.root(inner).strings(_MULTI_EXECUTABLES):
        program = _Table.root(blob)
        yield program.byte(_EXECUTABLE_KIND), program.length(_EXECUTABLE_PARAMETERS)


class _Table:
    """A FlatBuffer's table, read by the number of its fields."""

    def __init__(self, table: Any) -> None:
        self._table = table

    @classmethod
    def root(cls, buffer: bytes) -> _Table:
        from flatbuffers.table import Table

        return cls(Table(bytearray(buffer), struct.unpack_from("<I", buffer)[0]))

    def _offset(self, field: int) -> int:
        # A table's offsets to its fields begin after two numbers of its own.
        return int(self._table.Offset(4 + 2 * field))

    def length(self, field: int) -> int:
        offset = self._offset(field)
        return int(self._table.VectorLen(offset)) if offset else 0

    def byte(self, field: int) -> int:
        offset = self._offset(field)
        return int(self._table.Bytes[self._table.Pos + offset]) if offset else 0

    def nested(self, field: int) -> bytes:
        """A vector of bytes that is a buffer of its own."""
        start = self._table.Vector(self._offset(field))
        return bytes(self._table.Bytes[start : start + self.length(field)])

    def strings(self, field: int) -> Iterator[bytes]:
        start = self._table.Vector(self._offset(field))
        for number in range(self.length(field)):
            yield bytes(self._table.String(start + 4 * number))
