"""What the device still owes the collector, in one SQLite file that survives a kill and a power cut.

A message is numbered and kept here before it is sent, and deleted only when the collector says that its database
has it: a broker's PUBACK is not durability. This file knows order, size and loss; `edge/flight.py` decides when to
send again and `edge/link.py` sends.

Durability: the file is in WAL mode. `synchronous=NORMAL` survives the death of the process at any moment; the last
commits before a power cut may be missing, which costs readings of the last seconds and saves an fsync a message
(an SD card does a few hundred a second and wears). An update's outcome is worth the fsync: `reported` is committed
with `synchronous=FULL`, which also makes everything before it durable (sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from contract.codec import from_json, to_json
from contract.errors import LinkError
from contract.messages import MAX_BYTES, Batch, Event, Reported, Telemetry

log = logging.getLogger(__name__)

Kind = Literal["telemetry", "events", "reported"]
Kept = Telemetry | Event | Reported
_STRUCT: dict[Kind, type[Kept]] = {"telemetry": Telemetry, "events": Event, "reported": Reported}
_GIVEN_UP: tuple[Kind, ...] = ("telemetry", "events", "reported")
"""In this order when there is no room: a later reading says more than a lost one, an outcome is said once."""
_ROW_BYTES = 48
"""What a row costs beside its body: key, kind, page overhead (measured: 40 to 50)."""
_SHARE_GIVEN_UP = 64
"""A full outbox makes room for a 64th of its limit at once, so that not every `put` has to delete."""
_UP_TO = "boot = (SELECT ordinal FROM boots WHERE id = ?) AND sequence <= ?"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS boots (ordinal INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS messages (
    boot INTEGER NOT NULL, sequence INTEGER NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (boot, sequence)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_kind ON messages (kind, boot, sequence);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO counters VALUES ('lost', 0);
"""


class OutboxError(LinkError):
    """The outbox's file cannot be opened, read or written."""


class Place(NamedTuple):
    """Where a message stands: everything up to it comes before what follows."""

    boot: str
    sequence: int


class Parcel(NamedTuple):
    """One batch, ready for its topic."""

    kind: Kind
    batch: Batch

    @property
    def last(self) -> Place:
        """The place of its last message."""
        return Place(self.batch.boot, self.batch.messages()[-1].sequence)


class Outbox:
    """Messages of this boot and of earlier ones, oldest first. Every method may be called from any thread."""

    def __init__(self, path: Path, limit_bytes: int) -> None:
        """Open or make the file at `path`; a new boot begins. OutboxError where SQLite refuses it."""
        self.path, self.limit_bytes = path, limit_bytes
        self.boot = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._last_sequence = 0
        with _translated(path):
            self._database = _opened(path)
            self._waiting, self._held_bytes = 0, 0
            self._count()
            self._ordinal = self._begin_boot()

    @property
    def waiting(self) -> int:
        """Messages nobody has acknowledged yet."""
        with self._lock:
            return self._waiting

    @property
    def lost(self) -> int:
        """Messages given up since the file was made."""
        with self._locked():
            (lost,) = self._database.execute("SELECT value FROM counters WHERE name = 'lost'").fetchone()
            return int(lost)

    def put(self, kind: Kind, build: Callable[[int], Kept]) -> int:
        """Number a message, keep it, and return its sequence. `build` must not call the outbox."""
        with self._locked():
            sequence = self._last_sequence + 1
            row = (self._ordinal, sequence, kind, to_json(build(sequence)))
            with self._durability(kind), self._transaction():
                self._make_room(len(row[3]) + _ROW_BYTES)
                self._database.execute("INSERT INTO messages VALUES (?, ?, ?, ?)", row)
                self._waiting += 1
                self._held_bytes += len(row[3]) + _ROW_BYTES
            self._last_sequence = sequence
            return sequence

    def next_batch(
        self, after: Place | None = None, *, max_count: int = 100, max_bytes: int = MAX_BYTES // 4
    ) -> Parcel | None:
        """The oldest messages after `after`, as many as are of one boot and one kind; None when there are none.

        A single message larger than `max_bytes` still travels, alone.
        """
        with self._locked():
            while rows := self._rows_after(after, max_count):
                if run := _one_run(rows, max_bytes):
                    return self._parcel(run)
                with self._transaction():
                    self._give_up((rows[0].boot, rows[0].sequence, len(rows[0].body)))
            return None

    def acknowledge(self, boot: str, sequence: int) -> int:
        """The collector has everything of `boot` up to and including `sequence`: delete it, return how many."""
        with self._locked(), self._transaction():
            gone, gone_bytes = self._database.execute(
                f"SELECT COUNT(*), COALESCE(SUM(LENGTH(body) + {_ROW_BYTES}), 0) FROM messages WHERE {_UP_TO}",
                (boot, sequence),
            ).fetchone()
            self._database.execute(f"DELETE FROM messages WHERE {_UP_TO}", (boot, sequence))
            self._database.execute(
                "DELETE FROM boots WHERE ordinal <> ? AND ordinal NOT IN (SELECT boot FROM messages)", (self._ordinal,)
            )
            self._waiting -= gone
            self._held_bytes -= gone_bytes
            return int(gone)

    def close(self) -> None:
        """Close the file; what waits in it is sent after the next start."""
        with self._locked():
            self._database.close()

    def _begin_boot(self) -> int:
        """The new boot's ordinal; boots that owe nothing any more are forgotten."""
        with self._transaction():
            self._database.execute("DELETE FROM boots WHERE ordinal NOT IN (SELECT boot FROM messages)")
            made = self._database.execute("INSERT INTO boots (id) VALUES (?)", (self.boot,))
            return int(made.lastrowid or 0)

    def _count(self) -> None:
        self._waiting, self._held_bytes = self._database.execute(
            f"SELECT COUNT(*), COALESCE(SUM(LENGTH(body) + {_ROW_BYTES}), 0) FROM messages"
        ).fetchone()

    def _rows_after(self, after: Place | None, max_count: int) -> list[_Row]:
        """In order. A boot that is no longer known owes nothing, so what follows it is simply the oldest."""
        place = (0, 0)
        if after is not None:
            known = self._database.execute("SELECT ordinal FROM boots WHERE id = ?", (after.boot,)).fetchone()
            place = (known[0], after.sequence) if known else place
        rows = self._database.execute(
            "SELECT m.boot, sequence, kind, body FROM messages m"
            " WHERE (m.boot, sequence) > (?, ?) ORDER BY m.boot, sequence LIMIT ?",
            (*place, max_count),
        )
        return [_Row(*row) for row in rows]

    def _parcel(self, run: list[tuple[_Row, Kept]]) -> Parcel:
        first = run[0][0]
        boot, oldest = self._database.execute(
            "SELECT id, (SELECT MIN(sequence) FROM messages WHERE boot = ordinal) FROM boots WHERE ordinal = ?",
            (first.boot,),
        ).fetchone()
        messages = {first.kind: tuple(message for _, message in run)}
        return Parcel(first.kind, Batch(boot=boot, oldest=oldest, **messages))  # type: ignore[arg-type]

    def _make_room(self, needed_bytes: int) -> None:
        """Give up the oldest messages of the least worth until `needed_bytes` more fit."""
        too_much = self._held_bytes + needed_bytes - self.limit_bytes
        if too_much <= 0:
            return
        too_much += self.limit_bytes // _SHARE_GIVEN_UP
        for kind in _GIVEN_UP:
            rows = self._database.execute(
                "SELECT boot, sequence, LENGTH(body) FROM messages WHERE kind = ? ORDER BY boot, sequence", (kind,)
            )
            going = []
            while too_much > 0 and (row := rows.fetchone()) is not None:
                going.append(row)
                too_much -= row[2] + _ROW_BYTES
            self._give_up(*going)

    def _give_up(self, *rows: tuple[int, int, int]) -> None:
        """Delete rows, given as (boot, sequence, bytes of the body), and count them as lost."""
        for boot, sequence, size in rows:
            self._database.execute("DELETE FROM messages WHERE boot = ? AND sequence = ?", (boot, sequence))
            self._waiting -= 1
            self._held_bytes -= size + _ROW_BYTES
        self._database.execute("UPDATE counters SET value = value + ? WHERE name = 'lost'", (len(rows),))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One thread at a time, and SQLite's refusals in our words."""
        with self._lock, _translated(self.path):
            yield

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, and the counters kept beside it count again what is really there."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            self._count()
            raise

    @contextmanager
    def _durability(self, kind: Kind) -> Iterator[None]:
        """An outcome is on the medium when `put` returns; see the head of this file."""
        if kind != "reported":
            yield
            return
        self._database.execute("PRAGMA synchronous=FULL")
        try:
            yield
        finally:
            self._database.execute("PRAGMA synchronous=NORMAL")


class _Row(NamedTuple):
    boot: int
    sequence: int
    kind: Kind
    body: bytes


def _one_run(rows: list[_Row], max_bytes: int) -> list[tuple[_Row, Kept]]:
    """The leading rows of one boot and one kind that fit into `max_bytes`; empty where the first cannot be read."""
    run: list[tuple[_Row, Kept]] = []
    for row in rows:
        max_bytes -= len(row.body) + 1
        if run and (max_bytes < 0 or (row.boot, row.kind) != (rows[0].boot, rows[0].kind)):
            break
        message = _message(row)
        if message is None:
            break
        run.append((row, message))
    return run


def _message(row: _Row) -> Kept | None:
    """What the row keeps; None where this version cannot read it, or the disk has spoilt it."""
    try:
        return from_json(row.body, _STRUCT[row.kind], where="outbox", error=LinkError)
    except LinkError as problem:
        log.warning("outbox: message %d (%s) is given up: %s", row.sequence, row.kind, problem.what)
        return None


def _opened(path: Path) -> sqlite3.Connection:
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
    """Locked for this process: two agents on one state folder would number their messages against each other."""
    database = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute("PRAGMA journal_size_limit=1048576")
        database.executescript(_SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """What SQLite refuses, in our words."""
    try:
        yield
    except (sqlite3.Error, OSError) as problem:
        raise OutboxError(
            f"the outbox cannot be used: {problem}",
            where=str(path),
            fix="Check the disk, and that no other agent uses this state folder.",
        ) from problem
