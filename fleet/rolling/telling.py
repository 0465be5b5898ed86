"""Telling many devices at once: their counters, deadlines, deltas and ways back, in a handful of statements.

At most `AT_ONCE` devices a step, so that the collector never waits long for the store; the next step follows at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from fleet import deltas, tables
from fleet.rolling import penalties
from fleet.target_states import UNDER_WAY

AT_ONCE = 2000
_TARGETS, _DEVICES = tables.ASSIGNMENTS, tables.DEVICES
_KEY = (_TARGETS.c.rollout == sa.bindparam("r")) & (_TARGETS.c.device == sa.bindparam("d"))


class _Holder(msgspec.Struct):
    """The part of a birth that says which bundles lie in a device's slots."""

    holds: tuple[str, ...] = ()


_HOLDERS = msgspec.json.Decoder(_Holder)


def tell_wave(
    connection: Connection, rollout: Row[Any], wave: int, most: int, now_s: float, may_offer: deltas.MayOffer
) -> int:
    """Tell up to `most` devices of a wave; returns how many had their turn, with those that were offline."""
    mine = (_TARGETS.c.wave == wave) & (_TARGETS.c.state == "waiting")
    return _tell(connection, rollout, _turn(connection, rollout.id, mine, most), now_s, may_offer)


def tell_returned(connection: Connection, rollout: Row[Any], now_s: float, may_offer: deltas.MayOffer) -> int:
    """Tell devices that were offline at their turn and are online now."""
    mine = (_TARGETS.c.state == "away") & _DEVICES.c.online
    return _tell(connection, rollout, _turn(connection, rollout.id, mine, AT_ONCE), now_s, may_offer)


def _turn(connection: Connection, rollout: int, mine: sa.ColumnElement[bool], most: int) -> Sequence[Row[Any]]:
    columns = (_TARGETS.c.device, _TARGETS.c.digest, _DEVICES.c.online, _DEVICES.c.digest.label("runs"))
    joined = sa.select(*columns, _DEVICES.c.birth).join_from(_TARGETS, _DEVICES, _TARGETS.c.device == _DEVICES.c.device)
    query = joined.where((_TARGETS.c.rollout == rollout) & mine)
    return list(connection.execute(query.order_by(_TARGETS.c.device).limit(min(most, AT_ONCE))))


def _tell(
    connection: Connection, rollout: Row[Any], rows: Sequence[Row[Any]], now_s: float, may_offer: deltas.MayOffer
) -> int:
    """Each row goes to `assigned`, or to what its device's condition makes of it.

    The way back is open to whoever is in the penalty box: what put it there may be the very model to be taken back.
    """
    boxed = {} if rollout.back_of is not None else penalties.active(connection, now_s)
    unfinished = _unfinished(connection, [row.device for row in rows])
    told, others = [], []
    for row in rows:
        if row.device in boxed:
            others.append(_said(row, "blocked", "flapping", boxed[row.device]))
        elif row.runs == row.digest and row.device not in unfinished:
            others.append(_said(row, "committed", None, "it ran this bundle already"))
        elif not row.online:
            others.append(_said(row, "away", "offline", "it was offline at its turn and is told when it is back"))
        else:
            told.append(row)
    _write_others(connection, rollout.id, others, now_s)
    _supersede(connection, rollout.id, unfinished & {row.device for row in told}, now_s)
    _assign(connection, rollout, told, now_s, may_offer)
    return len(rows)


def _said(row: Row[Any], state: str, cause: str | None, detail: str) -> dict[str, Any]:
    return {"d": row.device, "state": state, "cause": cause, "detail": detail}


def _write_others(connection: Connection, rollout: int, others: list[dict[str, Any]], now_s: float) -> None:
    if others:
        moments = {"updated_s": now_s, "state_s": now_s, "r": rollout}
        connection.execute(_TARGETS.update().where(_KEY), [{**moments, **other} for other in others])


def _assign(
    connection: Connection, rollout: Row[Any], rows: list[Row[Any]], now_s: float, may_offer: deltas.MayOffer
) -> None:
    """Counters grow with the clock, so that a store made anew does not begin below what devices have accepted."""
    if not rows:
        return
    names = [row.device for row in rows]
    last = sa.select(_TARGETS.c.device, sa.func.max(_TARGETS.c.counter)).where(_TARGETS.c.device.in_(names))
    counters = {device: counter or 0 for device, counter in connection.execute(last.group_by(_TARGETS.c.device))}
    offers = offers_to(connection, {row.digest for row in rows}, may_offer)
    same = {
        "state": "assigned",
        "cause": None,
        "detail": "",
        "told_s": now_s,
        "deadline_s": now_s + rollout.deadline_s,
        "updated_s": now_s,
        "state_s": now_s,
        "unsent": True,
        "r": rollout.id,
    }
    values = [
        {
            **same,
            "d": row.device,
            "counter": max(counters.get(row.device, 0) + 1, int(now_s)),
            "before": row.runs,
            "delta": best_offer(offers, row.digest, row.birth),
        }
        for row in rows
    ]
    connection.execute(_TARGETS.update().where(_KEY), values)


def offers_to(
    connection: Connection, digests: set[str], may_offer: deltas.MayOffer
) -> dict[str, list[tuple[str, str, int]]]:
    """Base, delta and bytes of every delta that leads to one of `digests`, the smallest first."""
    table = tables.DELTAS.c
    query = sa.select(table.target, table.base, table.digest, table.size_bytes).where(table.target.in_(digests))
    found: dict[str, list[tuple[str, str, int]]] = {}
    for target, base, digest, size_bytes in connection.execute(query.order_by(table.size_bytes, table.digest)):
        if may_offer(deltas.delta_name(digest)):
            found.setdefault(target, []).append((base, digest, size_bytes))
    return found


def best_offer(offers: dict[str, list[tuple[str, str, int]]], target: str, birth: str | None) -> str | None:
    """The smallest delta to `target` from a bundle the device said it holds."""
    if target not in offers or not birth:
        return None
    holds = _HOLDERS.decode(birth).holds
    return next((digest for base, digest, _ in offers[target] if base in holds), None)


def _unfinished(connection: Connection, names: list[str]) -> set[str]:
    """Who of these is still under way in a rollout that was halted."""
    found = sa.select(_TARGETS.c.device).where(_TARGETS.c.device.in_(names) & _TARGETS.c.state.in_(UNDER_WAY))
    return set(connection.scalars(found))


def _supersede(connection: Connection, rollout: int, names: set[str], now_s: float) -> None:
    """What these were told before is void by the higher counter of what they are told now."""
    if names:
        older = _TARGETS.c.device.in_(names) & _TARGETS.c.state.in_(UNDER_WAY) & (_TARGETS.c.rollout != rollout)
        detail = f"rollout {rollout} told it something newer"
        values = {"state": "withdrawn", "detail": detail, "updated_s": now_s, "state_s": now_s, "unsent": False}
        connection.execute(_TARGETS.update().where(older).values(values))
