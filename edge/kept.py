"""A message as the outbox keeps it: a row of its file, and back to a struct when it is to be sent."""

from __future__ import annotations

import logging
from typing import Literal, NamedTuple

from contract.codec import from_json
from contract.errors import LinkError
from contract.messages import Event, Reported, Telemetry

log = logging.getLogger(__name__)

Kind = Literal["telemetry", "events", "reported"]
Kept = Telemetry | Event | Reported
_STRUCT: dict[Kind, type[Kept]] = {"telemetry": Telemetry, "events": Event, "reported": Reported}


class Row(NamedTuple):
    """A kept message."""

    boot: int
    sequence: int
    kind: Kind
    body: bytes

    @property
    def size(self) -> Size:
        """Without its body; its age does not matter here."""
        return Size(self.boot, self.sequence, len(self.body), 0.0)


class Size(NamedTuple):
    """A kept message without its body."""

    boot: int
    sequence: int
    bytes: int
    kept_s: float


def one_run(rows: list[Row], max_bytes: int) -> list[tuple[Row, Kept]]:
    """The leading rows of one boot and one kind that fit into `max_bytes`; empty where the first cannot be read."""
    run: list[tuple[Row, Kept]] = []
    for row in rows:
        max_bytes -= len(row.body) + 1
        if run and (max_bytes < 0 or (row.boot, row.kind) != (rows[0].boot, rows[0].kind)):
            break
        message = _message(row)
        if message is None:
            break
        run.append((row, message))
    return run


def _message(row: Row) -> Kept | None:
    """What the row keeps; None where this version cannot read it, or the disk has spoilt it."""
    try:
        return from_json(row.body, _STRUCT[row.kind], where="outbox", error=LinkError)
    except LinkError as problem:
        log.warning("outbox: message %d (%s) is given up: %s", row.sequence, row.kind, problem.what)
        return None
