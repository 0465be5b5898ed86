"""Which numbers the outbox has given up and the collector does not know of yet: the `gone` table of its file.

Spans of one boot that touch are one span, so between two of them lies at least one message that is kept: the table
never has more rows than there are kept messages and boots. Everything here runs inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from contract.messages import Span, spans_of


def add(database: sqlite3.Connection, boot: int, numbers: Iterable[int]) -> None:
    """`numbers`, ascending, of the boot with that ordinal will never be sent."""
    for span in spans_of(numbers):
        first, last = span
        before = database.execute(
            "SELECT first, last FROM gone WHERE boot = ? AND first < ? ORDER BY first DESC LIMIT 1", (boot, first)
        ).fetchone()
        if before is not None and before[1] == first - 1:
            first = before[0]
        after = database.execute("SELECT last FROM gone WHERE boot = ? AND first = ?", (boot, last + 1)).fetchone()
        if after is not None:
            database.execute("DELETE FROM gone WHERE boot = ? AND first = ?", (boot, last + 1))
            last = after[0]
        database.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?)", (boot, first, last))


def settle(database: sqlite3.Connection, boot: int, sequence: int) -> None:
    """The collector knows everything of that boot up to and including `sequence`."""
    database.execute("DELETE FROM gone WHERE boot = ? AND last <= ?", (boot, sequence))
    database.execute("UPDATE gone SET first = ? WHERE boot = ? AND first <= ?", (sequence + 1, boot, sequence))


def between(database: sqlite3.Connection, boot: int, after: int, before: int | None) -> tuple[Span, ...]:
    """Spans of that boot that begin after `after` and, where it is given, before `before`; ascending."""
    rows = database.execute(
        "SELECT first, last FROM gone WHERE boot = ? AND first > ? AND first < ? ORDER BY first",
        (boot, after, before if before is not None else 1 << 62),
    )
    return tuple(Span(*row) for row in rows)


def first_boot(database: sqlite3.Connection, boot: int, after: int) -> int | None:
    """The boot of the first span after that place; None when there is none."""
    (found,) = database.execute("SELECT MIN(boot) FROM gone WHERE (boot, first) > (?, ?)", (boot, after)).fetchone()
    return None if found is None else int(found)
