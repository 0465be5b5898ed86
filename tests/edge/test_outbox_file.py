"""The outbox's file: whose it is, how old it may be, and what happens when it is broken."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.outbox import Outbox, OutboxError
from tests.edge.test_outbox import DAY_S, LIMIT_BYTES, put


@contextmanager
def outbox_in(folder: Path) -> Iterator[Outbox]:
    outbox = Outbox(folder / "outbox.db", LIMIT_BYTES, max_age_s=DAY_S)
    yield outbox
    outbox.close()


def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").write_bytes(b"not a database at all, " * 100)
    with outbox_in(tmp_path) as outbox:
        assert put(outbox, "telemetry") == [1]
    assert (tmp_path / "outbox.db.damaged").read_bytes().startswith(b"not a database")


def test_a_second_agent_on_the_same_file_is_refused(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        put(outbox, "telemetry")
        with pytest.raises(OutboxError, match="locked"):
            Outbox(tmp_path / "outbox.db", LIMIT_BYTES)


def test_an_older_file_has_no_ages_and_keeps_its_messages(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        put(outbox, "telemetry")
    with sqlite3.connect(tmp_path / "outbox.db") as database:
        database.execute("DROP TABLE gone")
        database.execute("ALTER TABLE messages DROP COLUMN kept_s")
        database.execute("DELETE FROM counters WHERE name = 'lived_s'")
    database.close()
    with outbox_in(tmp_path) as again:
        put(again, "telemetry")
        assert (again.waiting, again.lost) == (2, 0)
