"""A store copied out whole, and an empty one filled from such a copy, from either database to either.

A backup is one snapshot: nothing that is committed while it is taken is half in it. A restore is one transaction: it
is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.migration import MigrationContext
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from contract.errors import ConfigError, DataError
from contract.moments import rfc3339, unix_s
from fleet import tables
from fleet.keeping import bulk, partitions
from fleet.keeping.archive import Manifest, Reader, Writer
from fleet.keeping.new_file import new_file
from fleet.store import Store

ROWS = 1000
"""Rows in memory at a time."""
_PAST_DAYS = 800
"""Older days have no partition of their own: a clock that once was wrong must not make thousands."""


def backup(store: Store, path: Path) -> Manifest:
    """Everything in `store` as it is at this moment, as a new file at `path`; its manifest.

    ConfigError for a store that is no fleet's yet, DataError where the file cannot be made.
    """
    with new_file(path) as file, store.snapshot() as connection:
        fleet = connection.scalar(sa.select(tables.FLEET.c.name))
        if fleet is None:
            raise ConfigError("there is nothing in this store", where="--store", fix="Give the store of a server.")
        with contextlib.closing(Writer(file)) as writer:
            for table in tables.METADATA.sorted_tables:
                writer.add(table.name, [str(column.name) for column in table.columns], _rows(connection, table))
            return writer.finish(revision=_revision(connection), fleet=fleet, made_at=rfc3339(time.time()))


def restore(store: Store, path: Path) -> Manifest:
    """Fill `store`, which must be empty, with what `backup` wrote; the manifest.

    ConfigError for a store that is not, DataError for a file that is damaged, of other tables than this version's, or
    holds what the database cannot.
    """
    with contextlib.closing(Reader(path)) as reader:
        reader.check()
        try:
            with store.writing() as connection:
                _check_revision(reader.manifest, _revision(connection), path)
                _check_empty(connection)
                for table in tables.METADATA.sorted_tables:
                    _fill(connection, table, reader, path)
        except SQLAlchemyError as problem:
            words = str(getattr(problem, "orig", None) or problem).splitlines()[0]
            raise DataError(
                f"this database cannot hold it: {words}", where=str(path), fix="Restore into the other kind."
            ) from problem
        return reader.manifest


def _rows(connection: Connection, table: sa.Table) -> Iterator[Sequence[Sequence[Any]]]:
    """All rows, ROWS at a time; on PostgreSQL by a cursor of the server's."""
    query = sa.select(table)
    if connection.dialect.name == "sqlite":
        # Retention finds the oldest by this order, so a copy keeps it.
        query = query.order_by(sa.text("rowid"))
    streaming = connection.execution_options(stream_results=True, max_row_buffer=ROWS)
    with streaming.execute(query) as found:
        for rows in found.partitions(ROWS):
            yield [tuple(row) for row in rows]


def _fill(connection: Connection, table: sa.Table, reader: Reader, path: Path) -> None:
    held, names = reader.manifest.tables.get(table.name), set(table.columns.keys())
    if held is None or set(held.columns) != names:
        raise DataError(f"{table.name} has other columns than here", where=str(path), fix="Take another backup.")
    made: set[int] = set()
    for rows in reader.pieces(table.name):
        dictionaries = [dict(zip(held.columns, row, strict=True)) for row in rows]
        _make_partitions(connection, table.name, dictionaries, made, unix_s(reader.manifest.made_at))
        bulk.insert(connection, table, dictionaries)
    count = connection.scalar(sa.select(sa.func.count()).select_from(table))
    if count != held.rows:
        raise DataError(
            f"{table.name} has {held.rows} rows there and {count} here", where=str(path), fix="Take another backup."
        )
    _continue_numbers(connection, table)


def _make_partitions(connection: Connection, name: str, rows: bulk.Rows, made: set[int], now_s: float) -> None:
    """Those the rows belong in, so that days can be dropped whole here as well."""
    if connection.dialect.name != "postgresql" or name not in partitions.PARTITIONED:
        return
    today = now_s // partitions.DAY_S
    days = {int(row[partitions.PARTITIONED[name]] // partitions.DAY_S) for row in rows} - made
    for day in sorted(days):
        if today - _PAST_DAYS <= day <= today + partitions.AHEAD_DAYS:
            partitions.make(connection, partitions.Partition(name, day))
    made |= days


def _continue_numbers(connection: Connection, table: sa.Table) -> None:
    """The next row's number follows the highest; SQLite sees to that by itself."""
    column = table.autoincrement_column
    if column is None or connection.dialect.name != "postgresql":
        return
    sequence = connection.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, column.name)))
    if sequence is not None:
        highest = connection.scalar(sa.select(sa.func.max(column)))
        connection.execute(sa.select(sa.func.setval(sequence, highest or 1, highest is not None)))


def _revision(connection: Connection) -> str:
    return str(MigrationContext.configure(connection).get_current_revision())


def _check_revision(manifest: Manifest, here: str, path: Path) -> None:
    if manifest.revision != here:
        raise DataError(
            f"it was made with tables of revision {manifest.revision}, and this version has {here}",
            where=str(path),
            fix="Restore it with the edgeferry that made it; a newer one then brings the store up to date.",
        )


def _check_empty(connection: Connection) -> None:
    for table in tables.METADATA.sorted_tables:
        if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is not None:
            raise ConfigError(
                f"this store is not empty: there are {table.name}", where="--store", fix="Restore into a new one."
            )
