"""What is over its time is deleted, a little in each transaction, so that nobody waits long for the store.

On PostgreSQL a day of readings, events or minutes goes by dropping its partition. Everything else, and everything on
SQLite, goes by rows: SQLite finds the oldest by the order in which they were written, without an index for it, and
gives pages back to the file system bit by bit where the file was made for that (`auto_vacuum`).
Readings and events go by the time of arrival, never by a device's clock; a device without one would lose everything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fleet import tables
from fleet.keeping import partitions
from fleet.keeping.backlog import roll_up_next
from fleet.keeping.terms import Terms
from fleet.store import Store

ROWS = 2000
"""Rows deleted in one transaction."""
PAGES = 500
"""Pages of 4 KiB that SQLite gives back in one transaction."""


class Due(NamedTuple):
    """Rows of one table that are over their time."""

    table: sa.Table
    column: str
    before_s: float


class Step(NamedTuple):
    """What one transaction did."""

    what: str
    rows: int
    """Deleted; 0 for a partition, whose rows nobody counted."""


def due(terms: Terms, now_s: float) -> tuple[Due, ...]:
    """What may go at `now_s`."""
    return (
        Due(tables.TELEMETRY, "received_s", now_s - terms.readings_s),
        Due(tables.EVENTS, "received_s", now_s - terms.events_s),
        Due(tables.ROLLUP_MINUTES, "start_s", now_s - min(terms.minutes_s, terms.rollups_s)),
        Due(tables.ROLLUP_HOURS, "start_s", now_s - terms.rollups_s),
    )


def steps(store: Store, terms: Terms, now_s: float) -> Iterator[Step]:
    """Do everything there is to do, a transaction at a time; the caller may pause between them, or stop."""
    with store.reading() as connection:
        missing = partitions.missing(connection, now_s)
    for partition in missing:
        with store.writing() as connection:
            partitions.make(connection, partition)
        yield Step(f"made {partition.name}", 0)
    yield from _until_done(store, "rolled up a boot from before", lambda c: int(roll_up_next(c)), counted=False)
    for one in due(terms, now_s):
        yield from _drop(store, one)
        yield from _delete(store, one)
    if store.backend == "sqlite":
        yield from _until_done(store, "gave pages back", _give_back, counted=False)


def _drop(store: Store, one: Due) -> Iterator[Step]:
    with store.reading() as connection:
        there = partitions.partitions(connection, one.table.name)
    for partition in there:
        if (partition.day + 1) * partitions.DAY_S <= one.before_s:
            with store.writing() as connection:
                partitions.drop(connection, partition)
            yield Step(f"dropped {partition.name}", 0)


def _until_done(store: Store, what: str, act: Callable[[Connection], int], *, counted: bool = True) -> Iterator[Step]:
    while True:
        with store.writing() as connection:
            done = act(connection)
        if not done:
            return
        yield Step(what, done if counted else 0)


def _delete(store: Store, one: Due) -> Iterator[Step]:
    """ROWS at a time. They are looked for before the transaction that deletes them, in which others wait."""
    if one.before_s == float("-inf"):
        return
    name, row = _place(store, one)
    here = f"{row} = ANY(:rows)" if store.backend == "postgresql" else f"{row} IN (SELECT value FROM json_each(:rows))"
    delete = sa.text(f"DELETE FROM {name} WHERE {here} AND {one.column} < :before")
    while True:
        with store.reading() as connection:
            found = _oldest(connection, name, row, one)
        if not found:
            return
        rows = found if store.backend == "postgresql" else json.dumps(found)
        with store.writing() as connection:
            done = connection.execute(delete, {"rows": rows, "before": one.before_s}).rowcount
        yield Step(f"deleted from {one.table.name}", done)
        if not done or len(found) < ROWS:
            return


def _place(store: Store, one: Due) -> tuple[str, str]:
    """Where rows are deleted from, and what says which row is which."""
    name = one.table.name
    if store.backend == "sqlite":
        return name, "rowid"
    # Partitions that are over are gone: what is left of their time lies in `_rest`, or is in no partition at all.
    return (f"{name}_rest" if name in partitions.PARTITIONED else name), "ctid"


def _oldest(connection: Connection, name: str, row: str, one: Due) -> list[Any]:
    """Which rows are over their time, at most ROWS."""
    source, bound = name, {"before": one.before_s, "most": ROWS}
    if row == "rowid" and one.column == "received_s":
        source = f"(SELECT rowid, {one.column} FROM {name} ORDER BY rowid LIMIT :most)"
    query = f"SELECT {row} FROM {source} WHERE {one.column} < :before LIMIT :most"
    return list(connection.scalars(sa.text(query), bound))


def _give_back(connection: Connection) -> int:
    """Free pages go to the end of the file and off it; 0 where none is left, or the file was not made for that."""
    if connection.scalar(sa.text("PRAGMA auto_vacuum")) != 2:
        return 0
    before = int(connection.scalar(sa.text("PRAGMA freelist_count")) or 0)
    if before == 0:
        return 0
    # Each step gives one page back and names no column, so SQLAlchemy would stop after the first.
    connection.connection.cursor().execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()
    return before - int(connection.scalar(sa.text("PRAGMA freelist_count")) or 0)
