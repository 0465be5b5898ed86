"""What the store holds, beside what the devices noted: lost, twice, out of order, or called a gap."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from fleet import tables
from fleet.store import Store
from scripts.benchmarks._zero_loss_agents import noted_numbers


class Verdict(NamedTuple):
    """Counts over all devices."""

    stored: int = 0
    noted: int = 0
    lost: int = 0
    """Noted by the device, and not in the store."""
    twice: int = 0
    """Rows beyond the first with the same number."""
    out_of_order: int = 0
    """Neighbours by boot and sequence whose numbers do not ascend, boots that overlap, and holes in sequences."""
    unnoted: int = 0
    """Accepted just before a kill, and stored: no loss, and no fault."""
    gaps: int = 0

    def plus(self, other: Verdict) -> Verdict:
        """Both together."""
        return Verdict(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class _Ledger(msgspec.Struct):
    captured: int


class _Body(msgspec.Struct):
    ledger: _Ledger


class Row(NamedTuple):
    boot: str
    sequence: int
    number: int


def verdict(store: Store, ledgers: Path, names: list[str]) -> Verdict:
    """Over every device in `names`."""
    total = Verdict()
    with store.reading() as connection:
        for name in names:
            total = total.plus(judged(_rows(connection, name), noted_numbers(ledgers / f"{name}.ledger")))
        gaps = connection.scalar(sa.select(sa.func.count()).select_from(tables.GAPS))
    return total._replace(gaps=int(gaps or 0))


def judged(rows: list[Row], noted: list[int]) -> Verdict:
    """Of one device; `rows` by boot and sequence."""
    stored = {row.number for row in rows}
    return Verdict(
        stored=len(rows),
        noted=len(noted),
        lost=len(set(noted) - stored),
        twice=len(rows) - len(stored),
        out_of_order=_disorder(rows),
        unnoted=len(stored - set(noted)),
    )


def _rows(connection: sa.Connection, name: str) -> list[Row]:
    table = tables.TELEMETRY
    wanted = sa.select(table.c.boot, table.c.sequence, table.c.body).where(table.c.device == name)
    found = connection.execute(wanted.order_by(table.c.boot, table.c.sequence))
    read = msgspec.json.Decoder(_Body).decode
    return [Row(boot, sequence, read(body).ledger.captured) for boot, sequence, body in found]


def _disorder(rows: list[Row]) -> int:
    """Within a boot sequences have no hole and numbers ascend with them; boots follow each other."""
    boots: dict[str, list[Row]] = {}
    for row in rows:
        boots.setdefault(row.boot, []).append(row)
    within = sum(
        after.number <= before.number or after.sequence != before.sequence + 1
        for boot in boots.values()
        for before, after in pairwise(boot)
    )
    begins = sum(boot[0].sequence != 1 for boot in boots.values())
    ends = sorted((boot[0].number, boot[-1].number) for boot in boots.values())
    return within + begins + sum(after[0] <= before[1] for before, after in pairwise(ends))
