"""The SQLite file under the outbox: opened, laid out, brought up to date, and set aside when it is broken.

WAL, so that a kill at any moment costs nothing; locked for this process, because two agents on one state folder would
number their messages against each other. What the rows mean is `edge/outbox.py`'s matter.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.errors import LinkError

log = logging.getLogger(__name__)

IN_MEMORY = Path(":memory:")
"""No file at all: gone with the process."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS boots (ordinal INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS messages (
    boot INTEGER NOT NULL, sequence INTEGER NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL,
    kept_s REAL NOT NULL DEFAULT 0, PRIMARY KEY (boot, sequence)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_kind ON messages (kind, boot, sequence);
CREATE TABLE IF NOT EXISTS gone (
    boot INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (boot, first)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value NUMERIC NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO counters VALUES ('lost', 0), ('lived_s', 0);
"""


class OutboxError(LinkError):
    """The outbox's file cannot be opened, read or written."""


class OutboxFullError(OutboxError):
    """There is no room on the disk for it."""


def opened(path: Path) -> sqlite3.Connection:
    """The database at `path`. One that SQLite calls broken is set aside: a device must not stay dumb for its sake."""
    try:
        return _connected(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as problem:
        aside = path.with_name(path.name + ".damaged")
        log.warning("outbox: %s is damaged (%s); set aside as %s, and a new one is begun", path, problem, aside.name)
        path.replace(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute("PRAGMA journal_size_limit=1048576")
        database.executescript(_SCHEMA)
        _bring_up_to_date(database)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _bring_up_to_date(database: sqlite3.Connection) -> None:
    """Files of version 0.1 know no age; what waits in them counts as kept when this device began to count."""
    if "kept_s" not in {column for _, column, *_ in database.execute("PRAGMA table_info(messages)")}:
        database.execute("ALTER TABLE messages ADD COLUMN kept_s REAL NOT NULL DEFAULT 0")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """What SQLite refuses, in our words."""
    try:
        yield
    except (sqlite3.Error, OSError) as problem:
        # Python 3.10 does not tell SQLite's error numbers; these words are its SQLITE_FULL.
        kind = OutboxFullError if "disk is full" in str(problem) else OutboxError
        raise kind(
            f"the outbox cannot be used: {problem}",
            where=str(path),
            fix="Check the disk, and that no other agent uses this state folder.",
        ) from problem
