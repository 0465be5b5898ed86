"""A store with a row in every table goes down migration by migration and up again; what each version knows stays."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from contract.codec import to_json
from fleet import tables
from fleet.keeping.partitions import is_partition
from fleet.store import Store, migrations
from tests.fleet.simulated import reading

NOW_S = 1_770_000_000.0
BODY = to_json(reading(1, at_s=NOW_S)).decode()
SAID: dict[tuple[str, str], Any] = {
    ("devices", "birth"): '{"site": "dock", "profile": "rpi4"}',
    ("devices", "site"): "dock",
    ("devices", "profile"): "rpi4",
    ("devices", "lost"): 5,
    ("gaps", "last_sequence"): 5,
    ("telemetry", "body"): BODY,
    ("progress", "above"): "[]",
    ("progress", "counters"): None,
    ("rollouts", "state"): "done",
    ("assignments", "state"): "committed",
    ("assignments", "told_s"): NOW_S - 1800,
    ("rollouts", "phases"): "[]",
}
TOTALS = {"telemetry": 1, "events": 1, "messages": 3, "gaps": 1, "lost": 5}
"""Of a device, counted anew on the way up from what is left of it."""


def value(column: sa.Column[Any]) -> Any:
    """Anything of the column's type."""
    made = SAID.get((column.table.name, column.name), ...)
    if made is not ...:
        return made
    kinds = {str: "x", int: 1, float: NOW_S, bool: False, bytes: b"x"}
    return "{}" if isinstance(column.type, sa.Text) else kinds[column.type.python_type]


def fill(connection: Connection) -> None:
    for table in tables.METADATA.sorted_tables:
        if table.name != "fleet":
            connection.execute(table.insert().values({column.name: value(column) for column in table.columns}))


def content(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table there is, by name."""
    names = [name for name in sa.inspect(connection).get_table_names() if not is_partition(name)]
    rows = {name: connection.execute(sa.text(f"SELECT * FROM {name}")).mappings().all() for name in sorted(names)}
    del rows["alembic_version"]
    return {name: [dict(row) for row in found] for name, found in rows.items()}


def assert_kept(before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]]) -> None:
    """Every column of `after` says what it said in `before`."""
    for name, rows in after.items():
        assert rows == [{column: row[column] for column in rows[0]} for row in before[name]], name


def test_a_filled_store_goes_down_step_by_step_and_up_again(either_store: Store) -> None:
    with either_store.writing() as connection:
        fill(connection)
        whole = content(connection)
        assert set(whole) == {table.name for table in tables.METADATA.sorted_tables}
        _, *earlier = ScriptDirectory.from_config(migrations(connection)).walk_revisions()
        for script in earlier:
            command.downgrade(migrations(connection), script.revision)
            down = content(connection)
            assert_kept(whole, down)
        assert set(down) < set(whole)
        command.upgrade(migrations(connection), "head")
        up = content(connection)
    for name, rows in down.items():
        for row, restored in zip(rows, up[name], strict=True):
            assert {column: restored[column] for column in row} == row, name
    (device,) = up["devices"]
    assert {name: device[name] for name in ("site", "profile", *TOTALS)} == {
        "site": "dock",
        "profile": "rpi4",
        **TOTALS,
    }
