"""What the judge keeps of a rollout between looks: one row of the table `judging`."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection

from fleet import tables
from fleet.judging.court import Hearing
from fleet.judging.verdicts import Verdict


class Memory(Struct):
    """How far each look has come, and what was heard."""

    told_until: list[float]
    """By look: whoever was told before this moment has been looked for."""
    committed_until: list[float]
    """By look: whoever committed before this moment has been compared."""
    old: str = "the model before"
    """`NAME@VERSION` most control devices were compared on."""
    hearing: Hearing = msgspec.field(default_factory=Hearing)


def newest(connection: Connection, rollout: int) -> tuple[float, Verdict] | None:
    """When it was last judged, and how."""
    table = tables.JUDGING.c
    row = connection.execute(sa.select(table.looked_s, table.verdict).where(table.rollout == rollout)).first()
    return None if row is None else (row.looked_s, msgspec.msgpack.decode(row.verdict, type=Verdict))


def load(connection: Connection, rollout: int, looks: int) -> Memory:
    """What is kept, or nothing heard yet."""
    table = tables.JUDGING.c
    kept = connection.scalar(sa.select(table.memory).where(table.rollout == rollout))
    if kept is None:
        return Memory(told_until=[0.0] * looks, committed_until=[0.0] * looks)
    return msgspec.msgpack.decode(kept, type=Memory)


def save(connection: Connection, rollout: int, now_s: float, verdict: Verdict, memory: Memory) -> None:
    """Keep both."""
    table = tables.JUDGING
    values = {
        "looked_s": now_s,
        "verdict": msgspec.msgpack.encode(verdict),
        "memory": msgspec.msgpack.encode(memory),
    }
    if connection.execute(table.update().where(table.c.rollout == rollout).values(values)).rowcount == 0:
        connection.execute(table.insert().values(rollout=rollout, **values))
