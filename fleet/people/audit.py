"""Who did what, from where, and how it ended: written once, never changed, and chained.

Each entry's hash is the SHA-256 of its canonical content (JSON with sorted keys, UTF-8), which includes the hash of
the entry before. Whoever changes, deletes, inserts or reorders entries must therefore rewrite every one behind; and
whoever has kept a head (the number and hash of a newest entry) elsewhere notices that, and a cut end too.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from starlette.requests import HTTPConnection

from contract.errors import ConfigError
from fleet.tables import AUDIT

FIRST = "0" * 64
"""What stands before entry 1."""
DETAIL_KEY = "edgeferry.audit-detail"
_LOCK = 0x6564676566657272
"""PostgreSQL's advisory lock of the audit: the letters `edgeferr`."""
_LONGEST = {"who": 80, "address": 64, "act": 200, "about": 500, "outcome": 32, "detail": 2000}
_FIELDS = ("number", "at_s", *_LONGEST, "previous")
_STEP = 1000


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry: everything before is fixed by it."""

    number: int
    """0 where nothing has been written."""
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"

    @classmethod
    def parse(cls, words: str) -> Head:
        """From what `str` gave; ConfigError for anything else."""
        found = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", words.strip())
        if found is None:
            raise ConfigError(
                "that is not a head", where="--head", fix="Give what `audit head` printed, like 17:9f2c…."
            )
        return cls(int(found[1]), found[2])


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry that is not as it was written."""

    number: int
    why: str


def note(
    connection: Connection,
    *,
    by: str,
    act: str,
    about: str,
    detail: str = "",
    outcome: str = "done",
    address: str = "",
    at_s: float | None = None,
) -> Head:
    """Write one entry within a writing transaction, as its last act: from here on others wait for its end.

    Never put a secret into any of these words. They are cut to a length and cleared of what no line may hold.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    before = head(connection)
    given = {"who": by, "address": address, "act": act, "about": about, "outcome": outcome, "detail": detail}
    entry: dict[str, object] = {name: _clean(words, _LONGEST[name]) for name, words in given.items()}
    entry |= {
        "number": before.number + 1,
        "at_s": round(time.time() if at_s is None else at_s, 3),
        "previous": before.hash,
    }
    entry["hash"] = hash_of(entry)
    connection.execute(AUDIT.insert().values(**entry))
    return Head(before.number + 1, str(entry["hash"]))


def explain(connection: HTTPConnection, detail: str) -> None:
    """Words for the entry that will be written of this request, like `role viewer -> admin`; never a secret."""
    connection.scope[DETAIL_KEY] = detail


def head(connection: Connection) -> Head:
    """The newest entry."""
    newest = sa.select(AUDIT.c.number, AUDIT.c.hash).order_by(AUDIT.c.number.desc()).limit(1)
    found = connection.execute(newest).one_or_none()
    return Head(found.number, found.hash) if found else Head(0, FIRST)


def entries(connection: Connection, *, before: int | None = None, limit: int = 100) -> list[Row[Any]]:
    """Newest first; only those with a number below `before`, where that is given."""
    query = sa.select(AUDIT).order_by(AUDIT.c.number.desc()).limit(limit)
    return list(connection.execute(query if before is None else query.where(AUDIT.c.number < before)))


def verify(connection: Connection, kept: Head | None = None) -> Broken | None:
    """The first entry that was changed, deleted, inserted or moved, judged also by a head that was `kept` elsewhere.

    None where all is as it was written, as far as the chain and that head can tell. Reads a thousand entries at a
    time, so that a long audit needs no more memory than a short one.
    """
    number, previous = 0, FIRST
    if (below := connection.scalar(sa.select(sa.func.min(AUDIT.c.number)).where(AUDIT.c.number < 1))) is not None:
        return Broken(below, "entries begin with 1: it was inserted")
    if kept is not None and kept.number == 0 and kept.hash != FIRST:
        return Broken(0, "the head that was kept is not one of an empty audit")
    while rows := connection.execute(_after(number)).all():
        for row in rows:
            broken = _judge(row, number + 1, previous, kept)
            if broken is not None:
                return broken
            number, previous = row.number, row.hash
    if kept is not None and kept.number > number:
        return Broken(number + 1, f"the audit ends before it, and the head that was kept is entry {kept.number}")
    return None


def _after(number: int) -> sa.Select[tuple[object, ...]]:
    return sa.select(AUDIT).where(AUDIT.c.number > number).order_by(AUDIT.c.number).limit(_STEP)


def _judge(row: Row[Any], expected: int, previous: str, kept: Head | None) -> Broken | None:
    if row.number != expected:
        return Broken(expected, "it is missing")
    if row.previous != previous:
        return Broken(expected, "it does not follow the entry before it")
    if row.hash != hash_of(row._mapping):
        return Broken(expected, "its content is not what was written")
    if kept is not None and kept.number == expected and kept.hash != row.hash:
        return Broken(expected, "it is another entry than the head that was kept; it or any before was rewritten")
    return None


def hash_of(entry: object) -> str:
    """64 hexadecimal digits over the canonical content of an entry, a mapping of its columns."""
    content = {name: entry[name] for name in _FIELDS}  # type: ignore[index]  # a dict, or SQLAlchemy's RowMapping
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _clean(words: str, longest: int) -> str:
    """One line that any store and terminal can bear."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words)[:longest]
