"""Rows that came before their partition, and days that go with theirs."""

from __future__ import annotations

import sqlalchemy as sa

from contract.codec import to_json
from contract.messages import Batch
from contract.topics import Topic
from fleet import tables
from fleet.arrivals import Arrival
from fleet.ingest import record
from fleet.keeping.partitions import Partition, make, missing, partitions
from fleet.keeping.retention import steps
from fleet.keeping.terms import DAY_S, Terms
from fleet.store import Store
from tests.fleet.simulated import FLEET, reading

NOW_S = 1_770_000_000.0


def fill(store: Store, days: int, *, at_s: float | None = None) -> None:
    """One reading for each of the last `days`, received then; the device's own word for when may differ."""
    for n in range(1, days + 1):
        received_s = NOW_S - (days - n) * DAY_S
        batch = Batch(boot="b1", oldest=1, telemetry=(reading(n, at_s=received_s if at_s is None else at_s),))
        with store.writing() as connection:
            record(connection, [Arrival(Topic(FLEET, "cam-1", "telemetry"), batch, to_json(batch), received_s)])


def count(store: Store, table: sa.Table) -> int:
    with store.reading() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def run(store: Store, terms: Terms) -> list[str]:
    return [step.what for step in steps(store, terms, NOW_S)]


def test_what_had_no_partition_moves_into_it(postgres_url: str) -> None:
    from alembic import command

    from fleet.store import migrations, open_store

    store = open_store(postgres_url, fleet=FLEET)
    fill(store, 2)
    day = Partition("telemetry", int(NOW_S // DAY_S))
    with store.writing() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM telemetry_rest")) == 2
        assert day in missing(connection, NOW_S)
        make(connection, day)
        make(connection, day)
        assert partitions(connection, "telemetry") == [day]
        assert connection.scalar(sa.text(f"SELECT count(*) FROM {day.name}")) == 1
        assert connection.scalar(sa.text("SELECT count(*) FROM telemetry")) == 2
    with store.writing() as connection:
        command.downgrade(migrations(connection), "base")
    store.close()


def test_a_day_of_readings_goes_with_its_partition(postgres_url: str) -> None:
    from alembic import command

    from fleet.store import migrations, open_store

    store = open_store(postgres_url, fleet=FLEET)
    fill(store, 3)
    days = [Partition("telemetry", int(NOW_S // DAY_S) - back) for back in (2, 1, 0)]
    with store.writing() as connection:
        for day in days:
            make(connection, day)
    assert f"dropped {days[0].name}" in run(store, Terms(readings_s=DAY_S))
    assert count(store, tables.TELEMETRY) == 2
    with store.writing() as connection:
        command.downgrade(migrations(connection), "base")
    store.close()
