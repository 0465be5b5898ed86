"""Many rows in one statement. Within the caller's transaction, errors as SQLAlchemy raises them.

PostgreSQL gets whole columns as arrays (`unnest`): one round trip and one plan, however many rows. SQLite has no round
trips, so there one prepared statement runs over the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Row

_AT_ONCE = 200
"""Keys in one question to SQLite."""
Rows = Sequence[dict[str, Any]]


def insert(connection: Connection, table: sa.Table, rows: Rows) -> None:
    """Add `rows`, which all name the same columns."""
    _write(connection, table, rows, ())


def upsert(connection: Connection, table: sa.Table, rows: Rows) -> None:
    """Add `rows`, or put them in place of those with the same primary key; no key twice in `rows`."""
    _write(connection, table, rows, tuple(column.name for column in table.primary_key.columns))


def find(connection: Connection, table: sa.Table, keys: Sequence[tuple[Any, ...]]) -> list[Row[Any]]:
    """The rows with these primary keys, locked until the transaction ends where the database can."""
    if not keys:
        return []
    columns = list(table.primary_key.columns)
    if connection.dialect.name == "postgresql":
        bound = _bound(columns, zip(*sorted(keys), strict=True))
        return list(connection.execute(_found(table), bound))
    found: list[Row[Any]] = []
    for begin in range(0, len(keys), _AT_ONCE):
        here = sa.tuple_(*columns).in_(list(keys[begin : begin + _AT_ONCE]))
        found += connection.execute(sa.select(table).where(here))
    return found


def _write(connection: Connection, table: sa.Table, rows: Rows, key: tuple[str, ...]) -> None:
    if not rows:
        return
    names = tuple(rows[0])
    if connection.dialect.name == "postgresql":
        if key:
            rows = sorted(rows, key=lambda row: tuple(row[name] for name in key))
        values = ([row[name] for row in rows] for name in names)
        connection.execute(_unnested(table, names, key), _bound([table.c[name] for name in names], values))
    else:
        connection.execute(_plain(table, names, key), list(rows))


def _bound(columns: Sequence[sa.Column[Any]], values: Any) -> dict[str, Any]:
    return {f"c{place}": _literal(column) for place, (_, column) in enumerate(zip(columns, values, strict=True))}


def _literal(values: Iterable[Any]) -> str:
    """PostgreSQL's text for an array. The driver's own way escapes JSON's many quotes one by one, at half the speed."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bytes):
        return '"\\\\x' + value.hex() + '"'
    return repr(value)


@lru_cache(maxsize=64)
def _plain(table: sa.Table, names: tuple[str, ...], key: tuple[str, ...]) -> Any:
    statement = sqlite.insert(table).values({name: sa.bindparam(name) for name in names})
    if not key:
        return statement
    changed = {name: statement.excluded[name] for name in names if name not in key}
    return statement.on_conflict_do_update(index_elements=list(key), set_=changed)


@lru_cache(maxsize=64)
def _unnested(table: sa.Table, names: tuple[str, ...], key: tuple[str, ...]) -> sa.TextClause:
    text = f"INSERT INTO {table.name} ({', '.join(names)}) SELECT * FROM {_arrays([table.c[n] for n in names])}"
    if key:
        changed = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key)
        text += f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed}"
    return sa.text(text)


@lru_cache(maxsize=64)
def _found(table: sa.Table) -> sa.TextClause:
    columns = list(table.primary_key.columns)
    same = " AND ".join(f"t.{column.name} = k.{column.name}" for column in columns)
    names = ", ".join(column.name for column in columns)
    text = f"SELECT t.* FROM {_arrays(columns)} AS k ({names}) JOIN {table.name} AS t ON {same} FOR UPDATE OF t"
    return sa.text(text)


def _arrays(columns: Sequence[sa.Column[Any]]) -> str:
    """`unnest(CAST(:c0 AS TEXT[]), …)`. Text is cast without its length, which would cut it silently."""
    arrays = (f"CAST(:c{place} AS {_type(column)}[])" for place, column in enumerate(columns))
    return f"unnest({', '.join(arrays)})"


def _type(column: sa.Column[Any]) -> str:
    if isinstance(column.type, sa.String):
        return "TEXT"
    return str(column.type.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]


def pieces(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """`rows` in turns of `size`."""
    for begin in range(0, len(rows), size):
        yield rows[begin : begin + size]
