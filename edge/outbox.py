"""What the device still owes the collector, in one SQLite file that survives a kill and a power cut.

A message is numbered and kept here before it is sent, and deleted only when the collector says that its database
has it: a broker's PUBACK is not durability. This file knows order, bounds and loss; `contract/flight.py` decides when
to send again and `edge/link.py` sends.

Bounds: by bytes, and by age where one is given. Without room the oldest telemetry goes first, then the oldest events,
reported states last. Telemetry and events that nobody took for `max_age_s` go too; a reported state never grows too
old, because an outcome is said once. Age is time this device was at work (`edge/lived.py`), so no clock that jumps can
empty the outbox. Every loss is counted, logged once an occasion, and told to the collector number by number
(`edge/gone.py`), until it says that it knows.

Durability: the file is in WAL mode. `synchronous=NORMAL` survives the death of the process at any moment; the last
commits before a power cut may be missing, which costs readings of the last seconds and saves an fsync a message
(an SD card does a few hundred a second and wears). An update's outcome is worth the fsync: `reported` is committed
with `synchronous=FULL`, which also makes everything before it durable (sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import itertools
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from contract.codec import to_json
from contract.flight import Place
from contract.messages import MAX_BYTES, Batch
from edge import gone
from edge.kept import Kept, Kind, Row, Size, one_run
from edge.lived import Lived
from edge.outbox_file import OutboxError, opened, translated

__all__ = ["Kept", "Kind", "Outbox", "OutboxError", "Parcel"]

log = logging.getLogger(__name__)

_GIVEN_UP: tuple[Kind, ...] = ("telemetry", "events", "reported")
"""In this order when there is no room: a later reading says more than a lost one, an outcome is said once."""
_GROWS_OLD: tuple[Kind, ...] = ("telemetry", "events")
_ROW_BYTES = 56
"""What a row costs beside its body: key, kind, moment, page overhead."""
_SHARE_GIVEN_UP = 64
"""A full outbox makes room for a 64th of its limit at once, and looks for what is too old a 64th of the age later, so
that not every `put` has to delete."""
_LARGEST_BYTES = MAX_BYTES - 4096
"""Of one message: with its batch around it, it must still be one of ours."""
_UP_TO = "WHERE boot = ? AND sequence <= ?"


class Parcel(NamedTuple):
    """One batch, ready for its topic."""

    kind: Kind
    batch: Batch
    last: Place
    """Of the last number it settles: a message it holds, or one it says is gone."""


class Outbox:
    """Messages of this boot and of earlier ones, oldest first. Every method may be called from any thread."""

    def __init__(
        self,
        path: Path,
        limit_bytes: int,
        *,
        max_age_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open or make the file at `path`; a new boot begins. OutboxError where SQLite refuses it.

        `clock` counts seconds and never jumps.
        """
        self.path, self.limit_bytes, self.max_age_s = path, limit_bytes, max_age_s
        self.boot = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._last_sequence = 0
        self._look_for_old_s = 0.0
        self._said: set[str] = set()
        with translated(path):
            self._database = opened(path)
            self._waiting, self._held_bytes = 0, 0
            self._count()
            self._lived = Lived(float(self._counter("lived_s")), clock)
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
            return int(self._counter("lost"))

    def put(self, kind: Kind, build: Callable[[int], Kept]) -> int:
        """Number a message, keep it, and return its sequence. `build` must not call the outbox."""
        with self._locked():
            sequence, now_s = self._last_sequence + 1, self._lived.now_s()
            body = to_json(build(sequence))
            with self._durability(kind), self._transaction():
                self._give_up_old(now_s)
                if len(body) > _LARGEST_BYTES:
                    self._never_kept(sequence, kind, len(body))
                else:
                    self._make_room(len(body) + _ROW_BYTES)
                    self._insert(kind, sequence, body, now_s)
            self._last_sequence = sequence
            return sequence

    def next_batch(
        self, after: Place | None = None, *, max_count: int = 100, max_bytes: int = MAX_BYTES // 4
    ) -> Parcel | None:
        """What comes after `after`: messages, as many as are of one boot and one kind, and which numbers around them
        are gone; None when there is neither. A boot of which nothing is left is a batch without messages.

        A single message larger than `max_bytes` still travels, alone.
        """
        with self._locked():
            place = self._place(after)
            rows = self._rows_after(place, max_count)
            while rows and not (run := one_run(rows, max_bytes)):
                with self._transaction():
                    self._give_up([rows[0].size])
                rows = self._rows_after(place, max_count)
            boot = gone.first_boot(self._database, *place)
            if rows and (boot is None or rows[0].boot <= boot):
                return self._parcel(rows[0].boot, run, place)
            return None if boot is None else self._parcel(boot, [], place)

    def acknowledge(self, boot: str, sequence: int, refused: Sequence[int] = ()) -> int:
        """The collector is done with everything of `boot` up to and including `sequence`: delete it, return how many.

        `refused` are those it could not keep; they are counted as lost.
        """
        with self._locked(), self._transaction():
            known = self._database.execute("SELECT ordinal FROM boots WHERE id = ?", (boot,)).fetchone()
            if known is None:
                return 0
            self._count_refused(known[0], [number for number in refused if number <= sequence])
            deleted, deleted_bytes = self._database.execute(
                f"SELECT COUNT(*), COALESCE(SUM(LENGTH(body) + {_ROW_BYTES}), 0) FROM messages {_UP_TO}",  # nosec B608  # constants of this file
                (known[0], sequence),
            ).fetchone()
            self._database.execute(f"DELETE FROM messages {_UP_TO}", (known[0], sequence))  # nosec B608  # constants of this file
            gone.settle(self._database, known[0], sequence)
            self._forget_boots()
            self._waiting -= deleted
            self._held_bytes -= deleted_bytes
            if deleted:
                self._said.clear()
            return int(deleted)

    def close(self) -> None:
        """Close the file; what waits in it is sent after the next start."""
        with self._locked():
            self._database.close()

    def _begin_boot(self) -> int:
        """The new boot's ordinal."""
        with self._transaction():
            made = self._database.execute("INSERT INTO boots (id) VALUES (?)", (self.boot,))
            self._ordinal = int(made.lastrowid or 0)
            self._forget_boots()
            return self._ordinal

    def _forget_boots(self) -> None:
        """Earlier ones that owe nothing any more."""
        self._database.execute(
            "DELETE FROM boots WHERE ordinal <> ?"
            " AND NOT EXISTS (SELECT 1 FROM messages WHERE messages.boot = ordinal)"
            " AND NOT EXISTS (SELECT 1 FROM gone WHERE gone.boot = ordinal)",
            (self._ordinal,),
        )

    def _counter(self, name: str) -> float:
        (value,) = self._database.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
        return float(value)

    def _count(self) -> None:
        self._waiting, self._held_bytes = self._database.execute(
            f"SELECT COUNT(*), COALESCE(SUM(LENGTH(body) + {_ROW_BYTES}), 0) FROM messages"  # nosec B608  # constants of this file
        ).fetchone()

    def _insert(self, kind: Kind, sequence: int, body: bytes, now_s: float) -> None:
        row = (self._ordinal, sequence, kind, body, now_s)
        self._database.execute("INSERT INTO messages (boot, sequence, kind, body, kept_s) VALUES (?, ?, ?, ?, ?)", row)
        self._database.execute("UPDATE counters SET value = ? WHERE name = 'lived_s'", (now_s,))
        self._waiting += 1
        self._held_bytes += len(body) + _ROW_BYTES

    def _place(self, after: Place | None) -> tuple[int, int]:
        """As ordinal and sequence. A boot that is forgotten owes nothing, so what follows is simply the oldest."""
        if after is None:
            return 0, 0
        known = self._database.execute("SELECT ordinal FROM boots WHERE id = ?", (after.boot,)).fetchone()
        return (known[0], after.sequence) if known else (0, 0)

    def _rows_after(self, place: tuple[int, int], max_count: int) -> list[Row]:
        rows = self._database.execute(
            "SELECT boot, sequence, kind, body FROM messages"
            " WHERE (boot, sequence) > (?, ?) ORDER BY boot, sequence LIMIT ?",
            (*place, max_count),
        )
        return [Row(*row) for row in rows]

    def _parcel(self, boot: int, run: list[tuple[Row, Kept]], place: tuple[int, int]) -> Parcel:
        """The run, and the spans that are gone between `place` and the next message that is kept."""
        begin = place[1] if boot == place[0] else 0
        end = run[-1][0].sequence if run else begin
        known, oldest, following = self._database.execute(
            "SELECT id, (SELECT MIN(sequence) FROM messages WHERE boot = ordinal),"
            " (SELECT MIN(sequence) FROM messages WHERE boot = ordinal AND sequence > ?) FROM boots WHERE ordinal = ?",
            (end, boot),
        ).fetchone()
        spans = gone.between(self._database, boot, begin, following)
        end = max([end, *(span.last for span in spans)])
        oldest = end + 1 if oldest is None else oldest
        kind: Kind = run[0][0].kind if run else "telemetry"
        messages = {kind: tuple(message for _, message in run)}
        above = tuple(span for span in spans if span.first > oldest)
        batch = Batch(boot=known, oldest=oldest, gone=above, **messages)  # type: ignore[arg-type]
        return Parcel(kind, batch, Place(known, end))

    def _make_room(self, needed_bytes: int) -> None:
        """Give up the oldest messages of the least worth until `needed_bytes` more fit."""
        too_much = self._held_bytes + needed_bytes - self.limit_bytes
        if too_much <= 0:
            return
        too_much += self.limit_bytes // _SHARE_GIVEN_UP
        for kind in _GIVEN_UP:
            going = []
            for row in self._oldest(kind):
                if too_much <= 0:
                    break
                going.append(row)
                too_much -= row.bytes + _ROW_BYTES
            self._give_up(going)
            self._say("full", "it is full", going)

    def _give_up_old(self, now_s: float) -> None:
        """Give up what nobody took for so long, if it is time to look."""
        if self.max_age_s is None or now_s < self._look_for_old_s:
            return
        self._look_for_old_s = now_s + self.max_age_s / _SHARE_GIVEN_UP
        too_old_s = now_s - self.max_age_s
        for kind in _GROWS_OLD:
            going = list(itertools.takewhile(lambda row: row.kept_s < too_old_s, self._oldest(kind)))
            self._give_up(going)
            self._say("old", f"nobody took them for {self.max_age_s / 86_400:.3g} days", going)

    def _oldest(self, kind: Kind) -> Iterator[Size]:
        rows = self._database.execute(
            "SELECT boot, sequence, LENGTH(body), kept_s FROM messages WHERE kind = ? ORDER BY boot, sequence", (kind,)
        )
        return (Size(*row) for row in rows)

    def _give_up(self, going: Iterable[Size]) -> None:
        """Delete rows, given in order, count them as lost, and remember their numbers for the collector."""
        for boot, rows in itertools.groupby(going, key=lambda row: row.boot):
            numbers = []
            for row in rows:
                self._database.execute("DELETE FROM messages WHERE boot = ? AND sequence = ?", (boot, row.sequence))
                self._waiting -= 1
                self._held_bytes -= row.bytes + _ROW_BYTES
                numbers.append(row.sequence)
            gone.add(self._database, boot, numbers)
            self._count_lost(len(numbers))

    def _never_kept(self, sequence: int, kind: Kind, size: int) -> None:
        log.warning("outbox: a message (%s) of %d bytes is given up: no collector would read it", kind, size)
        gone.add(self._database, self._ordinal, [sequence])
        self._count_lost(1)

    def _count_refused(self, boot: int, refused: Sequence[int]) -> None:
        """Each once: an acknowledgement may come again."""
        held = "SELECT COUNT(*) FROM messages WHERE boot = ? AND sequence = ?"
        count = sum(self._database.execute(held, (boot, number)).fetchone()[0] for number in refused)
        if count:
            log.warning("outbox: the collector could not keep %d messages; they are in quarantine there", count)
            self._count_lost(count)

    def _count_lost(self, count: int) -> None:
        self._database.execute("UPDATE counters SET value = value + ? WHERE name = 'lost'", (count,))

    def _say(self, occasion: str, why: str, going: Sequence[Size]) -> None:
        """Once until the collector takes something again: a device without a network must not fill its journal."""
        if going and occasion not in self._said:
            self._said.add(occasion)
            log.warning("outbox: the oldest messages are given up from now on, %d at first: %s", len(going), why)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One thread at a time, and SQLite's refusals in our words."""
        with self._lock, translated(self.path):
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
