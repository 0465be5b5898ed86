"""Opening, migrating and sharing the store."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Connection

from contract.errors import ConfigError, MissingPartError
from fleet import tables
from fleet.keeping.partitions import is_partition
from fleet.store import Store, migrations, open_store


def url_of(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'fleet.db'}"


def differences(connection: Connection) -> list[object]:
    """Between the database and `tables`; partitions belong to their table."""
    options = {"include_name": lambda name, kind, _parents: kind != "table" or not is_partition(name)}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), tables.METADATA))


def check_up_and_down(store: Store) -> None:
    with store.writing() as connection:
        assert differences(connection) == []
        command.downgrade(migrations(connection), "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
        command.upgrade(migrations(connection), "head")
        assert differences(connection) == []


def test_migrations_lead_to_the_tables_as_they_are_and_back(tmp_path: Path) -> None:
    store = open_store(url_of(tmp_path), fleet="barn")
    check_up_and_down(store)
    store.close()


def test_migrations_do_the_same_on_postgresql(postgres_url: str) -> None:
    store = open_store(postgres_url, fleet="barn")
    check_up_and_down(store)
    with store.writing() as connection:
        command.downgrade(migrations(connection), "base")
    store.close()


def test_a_store_from_before_deltas_keeps_when_each_device_was_told(either_store: Store) -> None:
    with either_store.writing() as connection:
        command.downgrade(migrations(connection), "0001")
        connection.execute(
            sa.text(
                "INSERT INTO rollouts (id, name, version, phases, limits, deadline_s, state, detail, created_s)"
                " VALUES (1, 'digits', 2, '[]', '{}', 1800, 'running', '', 1)"
            )
        )
        connection.execute(
            sa.text(
                "INSERT INTO assignments (rollout, device, state, detail, deadline_s, updated_s)"
                " VALUES (1, 'a', 'assigned', '', 2800.25, 1), (1, 'b', 'waiting', '', NULL, 1)"
            )
        )
        command.upgrade(migrations(connection), "head")
        table = tables.ASSIGNMENTS.c
        told = sa.select(table.device, table.told_s, table.delta).order_by(table.device)
        assert [tuple(row) for row in connection.execute(told)] == [("a", 1000.25, None), ("b", None, None)]
        assert connection.scalar(sa.select(tables.ROLLOUTS.c.whole_if_delta_fails)) is False


def test_a_store_opened_again_keeps_what_it_holds(tmp_path: Path) -> None:
    first = open_store(url_of(tmp_path), fleet="barn")
    with first.writing() as connection:
        connection.execute(tables.DEVICES.insert().values(device="cam-1", online=True, model="", first_seen_s=1.0))
    first.close()
    again = open_store(url_of(tmp_path), fleet="barn")
    with again.reading() as connection:
        assert connection.scalars(sa.select(tables.DEVICES.c.device)).all() == ["cam-1"]
    again.close()


def test_a_store_of_another_fleet_is_refused(tmp_path: Path) -> None:
    open_store(url_of(tmp_path), fleet="barn").close()
    with pytest.raises(ConfigError, match="holds the fleet 'barn', not 'dairy'"):
        open_store(url_of(tmp_path), fleet="dairy")


def test_a_store_from_a_newer_version_is_refused(tmp_path: Path) -> None:
    store = open_store(url_of(tmp_path), fleet="barn")
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(ConfigError, match="9999"):
        open_store(url_of(tmp_path), fleet="barn")


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "sqlite:////nowhere/at/all.db", "oracle+x://host/db"])
def test_an_address_that_leads_nowhere_is_one_sentence(url: str) -> None:
    with pytest.raises(ConfigError):
        open_store(url, fleet="barn")


def test_a_missing_driver_is_named() -> None:
    with pytest.raises(MissingPartError, match="MySQLdb"):
        open_store("mysql://host/db", fleet="barn")


def test_a_password_is_never_shown() -> None:
    with pytest.raises(ConfigError) as refusal:
        open_store("postgresql+psycopg://u:s3cret@127.0.0.1:1/db", fleet="barn")
    assert "s3cret" not in str(refusal.value)


def test_an_acknowledged_commit_is_synced_to_disk(store: Store) -> None:
    with store.reading() as connection:
        assert connection.scalar(sa.text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(sa.text("PRAGMA synchronous")) == 2


def test_writers_wait_for_each_other(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(tables.DEVICES.insert().values(device="cam", online=True, model="0", first_seen_s=1.0))

    def add_one() -> None:
        for _ in range(20):
            with store.writing() as connection:
                count = int(connection.scalar(sa.select(tables.DEVICES.c.model)) or 0)
                connection.execute(tables.DEVICES.update().values(model=str(count + 1)))

    threads = [threading.Thread(target=add_one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as connection:
        assert connection.scalar(sa.select(tables.DEVICES.c.model)) == "60"
