"""Many rows in one statement."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from fleet import tables
from fleet.keeping import bulk
from fleet.store import Store

NASTY = ("", "NULL", 'a"b\\c', "{x,y}", "'; --", "§ é 😀\n\t", " spaced ", "\\x00")


def quarantined(topic: str, detail: str, sample: bytes) -> dict[str, object]:
    said = {"cause": "malformed", "messages": 1, "first_s": 0.1, "last_s": 1e9 + 1 / 3}
    return {"topic": topic, **said, "detail": detail, "sample": sample}


def test_whatever_characters_come_back_as_they_went(either_store: Store) -> None:
    rows = [quarantined(str(n), text, bytes(range(256))) for n, text in enumerate(NASTY)]
    with either_store.writing() as connection:
        bulk.insert(connection, tables.QUARANTINE, rows)
        found = connection.execute(sa.select(tables.QUARANTINE).order_by(tables.QUARANTINE.c.topic)).all()
    assert [dict(row._mapping) for row in found] == rows


def test_missing_values_and_truth_values_stay_what_they_are(either_store: Store) -> None:
    rows = [{"device": n, "online": n == "b", "model": "NULL", "first_seen_s": 1.0, "boot": None} for n in "ab"]
    with either_store.writing() as connection:
        bulk.insert(connection, tables.DEVICES, rows)
        table = tables.DEVICES.c
        found = connection.execute(
            sa.select(table.device, table.online, table.model, table.boot).order_by(table.device)
        )
        assert [tuple(row) for row in found] == [("a", False, "NULL", None), ("b", True, "NULL", None)]


def test_a_row_is_put_in_place_of_the_one_with_its_key(either_store: Store) -> None:
    with either_store.writing() as connection:
        bulk.insert(connection, tables.QUARANTINE, [quarantined("a", "old", b""), quarantined("b", "old", b"")])
        bulk.upsert(connection, tables.QUARANTINE, [quarantined("c", "new", b""), quarantined("b", "new", b"\1")])
        found = bulk.find(connection, tables.QUARANTINE, [(t, "malformed") for t in "abcd"])
    assert sorted((row.topic, row.detail) for row in found) == [("a", "old"), ("b", "new"), ("c", "new")]


def test_a_key_that_is_there_already_is_refused(either_store: Store) -> None:
    with either_store.writing() as connection:
        bulk.insert(connection, tables.QUARANTINE, [quarantined("a", "one", b"")])
    with pytest.raises(IntegrityError), either_store.writing() as connection:
        bulk.insert(connection, tables.QUARANTINE, [quarantined("a", "two", b"")])


def test_what_is_too_long_for_its_column_is_refused_and_not_cut(postgres_url: str) -> None:
    from alembic import command

    from fleet.store import migrations, open_store

    store = open_store(postgres_url, fleet="barn")
    with pytest.raises(DBAPIError), store.writing() as connection:
        bulk.insert(connection, tables.QUARANTINE, [quarantined("t" * 161, "", b"")])
    with pytest.raises(DBAPIError), store.writing() as connection:
        bulk.insert(connection, tables.QUARANTINE, [quarantined("t", "nul \0", b"")])
    with store.writing() as connection:
        command.downgrade(migrations(connection), "base")
    store.close()
