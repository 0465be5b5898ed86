"""A ZIP writer that lies on request: by default our own layout, with every field of every record free to be wrong.

Records and field names follow PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Fields = Mapping[str, int]
_LOCAL = {"needed": 20, "flags": 0, "method": 0, "time": 0, "date": 0x21, "crc": 0, "packed": 0, "size": 0}
_LOCAL |= {"name_length": 0, "extra_length": 0}
_CENTRAL = {"made_by": 20 | 3 << 8, **_LOCAL, "comment_length": 0, "disk": 0, "internal": 0}
_CENTRAL |= {"external": 0o100644 << 16, "offset": 0}
_END = {"disk": 0, "first_disk": 0, "count_here": 0, "count": 0, "length": 0, "offset": 0, "comment_length": 0}


class Row(NamedTuple):
    """One member. `local` and `central` overrule single fields; `both` does so in both headers."""

    name: bytes
    data: bytes
    crc: int
    both: Fields = {}
    local: Fields = {}
    central: Fields = {}
    local_name: bytes | None = None
    local_extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    padding: bytes = b""
    """Behind the data."""
    shadow_of: int | None = None
    """Writes no member of its own: its row points at the member of that number."""


def zipped(
    rows: Sequence[Row], *, prefix: bytes = b"", shift: int = 0, gap: bytes = b"", tail: bytes = b"", **end: int
) -> bytes:
    """The archive; `end` overrules fields of its end record.

    Offsets begin at `shift`; `gap` stands before the directory, `tail` between it and the end record.
    """
    body, starts = prefix, []
    for row in rows:
        starts.append(len(body) - len(prefix) + shift if row.shadow_of is None else starts[row.shadow_of])
        if row.shadow_of is None:
            body += _local(row) + row.data + row.padding
    body += gap
    directory = b"".join(_central(row, start) for row, start in zip(rows, starts, strict=True))
    counts = {"count_here": len(rows), "count": len(rows), "length": len(directory)}
    fields = {**_END, **counts, "offset": len(body) - len(prefix) + shift, **end}
    return body + directory + tail + b"PK\5\6" + struct.pack("<4H2LH", *fields.values())


def zip64_end(count: int, length: int, offset: int, directory_end: int) -> bytes:
    """The two records by which an archive says that its numbers need 64 bits."""
    record = b"PK\6\6" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, count, count, length, offset)
    return record + b"PK\6\7" + struct.pack("<LQL", 0, directory_end, 1)


def zip64_extra(size: int) -> bytes:
    """The extra field for a member of 2^32 bytes or more."""
    return struct.pack("<2H2Q", 1, 16, size, size)


def _sizes(row: Row, name: bytes) -> dict[str, int]:
    return {"crc": row.crc, "packed": len(row.data), "size": len(row.data), "name_length": len(name)}


def _local(row: Row) -> bytes:
    name = row.name if row.local_name is None else row.local_name
    own = {**_sizes(row, name), "extra_length": len(row.local_extra)}
    fields = {**_LOCAL, **own, **row.both, **row.local}
    return b"PK\3\4" + struct.pack("<5H3L2H", *fields.values()) + name + row.local_extra


def _central(row: Row, start: int) -> bytes:
    own = {**_sizes(row, row.name), "extra_length": len(row.central_extra), "comment_length": len(row.comment)}
    fields = {**_CENTRAL, **own, "offset": start, **row.both, **row.central}
    packed = struct.pack("<6H3L5H2L", *fields.values())
    return b"PK\1\2" + packed + row.name + row.central_extra + row.comment
