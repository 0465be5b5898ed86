"""Rows of the store as CSV or Parquet for other programs: one snapshot, a thousand rows in memory, all or nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any, Literal

from contract.errors import ConfigError, MissingPartError
from contract.moments import unix_s
from fleet.keeping.exported import Type, What, rows, sheets
from fleet.keeping.new_file import new_file
from fleet.keeping.terms import seconds
from fleet.store import Store

Format = Literal["csv", "parquet"]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_GROUP_ROWS = 20_000
"""Rows of a Parquet row group: what is in memory at a time."""
Pieces = Iterable[Sequence[tuple[Any, ...]]]


def export(
    store: Store, what: What, path: Path, *, format: Format, since_s: float | None = None, device: str | None = None
) -> int:
    """Write a new file at `path`; how many rows. DataError where it cannot be, MissingPartError without pyarrow."""
    sheet = sheets()[what]
    if format == "parquet":
        _check_pyarrow()
    with new_file(path) as file, store.snapshot() as connection:
        pieces = rows(connection, sheet, since_s=since_s, device=device)
        return (_write_csv if format == "csv" else _write_parquet)(file, sheet.columns, pieces)


def since(text: str, now_s: float) -> float:
    """Unix seconds: a moment like 2026-03-01T00:00:00Z, or so long before `now_s`, like 7d; ConfigError otherwise."""
    try:
        return unix_s(text)
    except ValueError:
        pass
    try:
        return now_s - seconds(text, where="--since")
    except ConfigError as problem:
        raise ConfigError(
            f"{text[:60]!r} is no moment", where="--since", fix="Write 2026-03-01T00:00:00Z, or 7d for a week ago."
        ) from problem


def _write_csv(file: IO[bytes], columns: dict[str, Type], pieces: Pieces) -> int:
    """RFC 4180 in UTF-8."""
    count, text = 0, io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(columns)
    for some in pieces:
        writer.writerows([_cell(value) for value in row] for row in some)
        count += len(some)
    text.flush()
    text.detach()
    return count


def _cell(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula gets an apostrophe before it: device names come from devices."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _write_parquet(file: IO[bytes], columns: dict[str, Type], pieces: Pieces) -> int:
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet

    types = {"text": pa.string(), "whole": pa.int64(), "real": pa.float64(), "yes or no": pa.bool_()}
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    count, waiting = 0, list[tuple[Any, ...]]()

    def write() -> None:
        values = zip(*waiting, strict=True) if waiting else ([] for _ in columns)
        arrays = [pa.array(column, field.type) for column, field in zip(values, schema, strict=True)]
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=_GROUP_ROWS)
        waiting.clear()

    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for some in pieces:
            waiting += some
            count += len(some)
            if len(waiting) >= _GROUP_ROWS:
                write()
        if waiting:
            write()
    return count


def _check_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ModuleNotFoundError as missing:
        raise MissingPartError(
            "Parquet needs pyarrow", where="--format parquet", fix="pip install 'edgeferry[export]'"
        ) from missing
