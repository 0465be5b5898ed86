"""A day of messages is a table of its own on PostgreSQL: made ahead, and dropped whole when its time is over.

SQLite has none, and every function here does nothing there. A day is counted from 1970 (UTC) and stands in the
partition's name: `telemetry_d20600`. What falls into no partition lands in `telemetry_rest`, and is moved when the
partition for its day is made.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

DAY_S = 86400
AHEAD_DAYS = 7
"""A server that stands still for longer finds its messages in `_rest`, and moves them."""
PARTITIONED = {"telemetry": "received_s", "events": "received_s", "rollup_minutes": "start_s"}
"""Tables, and the column that says the day."""
_NAME = re.compile(rf"({'|'.join(PARTITIONED)})_(rest|d\d+)")


class Partition(NamedTuple):
    """One day of one table."""

    table: str
    day: int

    @property
    def name(self) -> str:
        """The partition's own name."""
        return f"{self.table}_d{self.day}"


def is_partition(name: str | None) -> bool:
    """Whether `name` is a part of one of the store's tables, and not a table of its own."""
    return bool(name and _NAME.fullmatch(name))


def partitions(connection: Connection, table: str) -> list[Partition]:
    """Those of `table`, oldest first."""
    if connection.dialect.name != "postgresql":
        return []
    query = (
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(:t)"
    )
    names = connection.scalars(sa.text(query), {"t": table}).all()
    return sorted(Partition(table, int(name.rsplit("_d", 1)[1])) for name in names if not name.endswith("_rest"))


def missing(connection: Connection, now_s: float) -> list[Partition]:
    """Partitions from today to AHEAD_DAYS that are not there yet."""
    if connection.dialect.name != "postgresql":
        return []
    today = int(now_s // DAY_S)
    found: list[Partition] = []
    for table in PARTITIONED:
        there = set(partitions(connection, table))
        days = (Partition(table, day) for day in range(today, today + AHEAD_DAYS + 1))
        found += [partition for partition in days if partition not in there]
    return found


def make(connection: Connection, partition: Partition) -> None:
    """The partition, with what had come for it before; nothing where it is there already."""
    table, name = partition.table, partition.name
    column, first_s, end_s = PARTITIONED[table], partition.day * DAY_S, (partition.day + 1) * DAY_S
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('edgeferry partitions'))"))
    if partition in partitions(connection, table):
        return
    waits = f"FROM {table}_rest WHERE {column} >= {first_s} AND {column} < {end_s}"
    bounds = f"FOR VALUES FROM ({first_s}) TO ({end_s})"
    if connection.scalar(sa.text(f"SELECT EXISTS (SELECT 1 {waits})")):
        connection.execute(sa.text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        connection.execute(sa.text(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS)"))
        connection.execute(
            sa.text(f"WITH moved AS (DELETE {waits} RETURNING *) INSERT INTO {name} SELECT * FROM moved")
        )
        connection.execute(sa.text(f"ALTER TABLE {table} ATTACH PARTITION {name} {bounds}"))
    else:
        connection.execute(sa.text(f"CREATE TABLE {name} PARTITION OF {table} {bounds}"))


def drop(connection: Connection, partition: Partition) -> None:
    """The partition and everything in it. Gives up after two seconds, rather than hold up whoever comes behind."""
    connection.execute(sa.text("SET LOCAL lock_timeout = '2s'"))
    connection.execute(sa.text(f"DROP TABLE IF EXISTS {partition.name}"))
