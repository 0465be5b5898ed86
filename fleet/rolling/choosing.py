"""From a rollout's target to the devices it means at this moment, read so that 100,000 of them take about a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from fleet import tables
from fleet.planner import Candidate
from fleet.refusals import NotFoundError
from fleet.rolling import filters, groups, penalties
from fleet.rolling.terms import Target
from fleet.target_states import UNFINISHED

OPEN = ("unapproved", "scheduled", "running", "paused")
"""States in which a rollout may still tell somebody something."""


class _Said(msgspec.Struct):
    """The part of a birth that planning needs: decoding the rest would double its time."""

    profile: str = ""
    site: str = ""
    tags: dict[str, str] = {}


_NOTHING = _Said()
_BIRTHS = msgspec.json.Decoder(_Said)


def choose(
    connection: Connection,
    target: Target,
    now_s: float,
    *,
    only: sa.ColumnElement[bool] | None = None,
    kindly: bool = False,
) -> list[Candidate]:
    """Every device `target` means, among those `only` fits; NotFoundError names the first unknown one.

    `kindly` leaves unknown names out instead: a list may be older than the fleet.
    """
    if target.group is not None:
        meant = groups.target_of(connection, target.group)
        return choose(connection, meant, now_s, only=only, kindly=True)
    rows = _rows(connection, only)
    boxed = penalties.active(connection, now_s)
    if target.devices is not None:
        known = {row.device: row for row in rows}
        _refuse_unknown(target.devices, known, kindly or only is not None)
        rows = [known[name] for name in dict.fromkeys(target.devices) if name in known]
    fits = filters.parse(target.where) if target.where is not None else None
    return list(_fitting(rows, fits, boxed))


def busy(connection: Connection) -> dict[str, int]:
    """Devices that are on their way, or will be, and the rollout that has them."""
    table, rollouts = tables.ASSIGNMENTS.c, tables.ROLLOUTS.c
    found = (
        sa.select(table.device, table.rollout)
        .join_from(tables.ASSIGNMENTS, tables.ROLLOUTS)
        .where(rollouts.state.in_(OPEN) & table.state.in_(UNFINISHED))
    )
    return {row.device: row.rollout for row in connection.execute(found)}


def _rows(connection: Connection, only: sa.ColumnElement[bool] | None) -> list[Row[Any]]:
    table = tables.DEVICES.c
    query = sa.select(table.device, table.online, table.digest, table.model, table.birth)
    return list(connection.execute(query if only is None else query.where(only)))


def _fitting(
    rows: Iterable[Row[Any]], fits: Callable[[filters.Facts], bool] | None, boxed: dict[str, str]
) -> Iterable[Candidate]:
    for row in rows:
        said = _BIRTHS.decode(row.birth) if row.birth else _NOTHING
        if fits is None or fits(filters.Facts(row.device, said.site, said.profile, row.model, said.tags)):
            yield Candidate(row.device, said.profile, row.digest, row.online, boxed.get(row.device, ""))


def _refuse_unknown(names: Iterable[str], known: dict[str, Row[Any]], kindly: bool) -> None:
    for name in names:
        if name not in known and not kindly:
            raise NotFoundError(f"no device {name!r}", where="rollout", fix="List them: edgeferry fleet devices")
