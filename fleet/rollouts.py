"""Rollouts in the store: begun from a plan, moved on by the states of their devices, stopped by a person.

Each function works in the caller's transaction and knows no broker; `fleet/conductor.py` tells the devices after the
commit. Several rollouts may run at once as long as no unfinished device is in two of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from contract.codec import to_json
from contract.errors import ConfigError
from contract.messages import Birth
from contract.moments import rfc3339
from fleet import deltas, tables, waves
from fleet.answers import HealthLimits, Rollout, RolloutOrder, RolloutSummary
from fleet.planner import Candidate, Plan, plan
from fleet.refusals import ConflictError, NotFoundError
from fleet.releases import bundles_of, parse_release
from fleet.target_states import UNDER_WAY
from fleet.targets import targets_of

_ROLLOUTS, _TARGETS = tables.ROLLOUTS, tables.ASSIGNMENTS


def create(connection: Connection, order: RolloutOrder, now_s: float) -> int:
    """Plan and begin; returns the rollout's id. Nobody is told yet: that is `advance`'s matter."""
    bundles = bundles_of(connection, order.release)
    planned = plan(_candidates(connection, order.devices), bundles, order.phases)
    if not planned.waves and not planned.already:
        reasons = "; ".join(f"{blocker.device}: {blocker.reason}" for blocker in planned.blocked[:5])
        raise ConfigError(
            f"nobody can take {order.release}: {reasons or 'no device is known'}",
            where="rollout",
            fix="Convert and release a bundle for these profiles.",
        )
    _refuse_overlap(connection, [placement.device for wave in planned.waves for placement in wave])
    return _insert(connection, order, planned, now_s)


def advance(
    connection: Connection, rollout: int, now_s: float, may_offer: deltas.MayOffer = lambda _name: True
) -> None:
    """Take the next step of a running rollout, if there is one to take; `may_offer` says which deltas devices take."""
    found = sa.select(_ROLLOUTS).where((_ROLLOUTS.c.id == rollout) & (_ROLLOUTS.c.state == "running"))
    row = connection.execute(found.with_for_update()).first()
    if row is None:
        return
    match waves.decide(_decidable(connection, rollout)):
        case waves.Tell(wave):
            _tell(connection, row, wave, now_s, may_offer)
        case waves.Halt(cause, detail):
            _end(connection, rollout, "halted", now_s, cause, detail)
        case waves.Done():
            _end(connection, rollout, "done", now_s)


def abort(connection: Connection, rollout: int, now_s: float) -> list[str]:
    """Stop it; returns the devices that were told and have not finished, whose assignment is to be withdrawn."""
    state = connection.scalar(sa.select(_ROLLOUTS.c.state).where(_ROLLOUTS.c.id == rollout).with_for_update())
    if state is None:
        raise _unknown(rollout)
    if state != "running":
        raise ConflictError(f"it is {state} already", where=f"rollout {rollout}", fix="Nothing is left to stop.")
    _end(connection, rollout, "halted", now_s, "aborted", "stopped by a person")
    mine = _TARGETS.c.rollout == rollout
    told = connection.scalars(
        sa.select(_TARGETS.c.device).where(mine & _TARGETS.c.state.in_(UNDER_WAY)).order_by(_TARGETS.c.device)
    ).all()
    unfinished = mine & _TARGETS.c.state.in_(UNDER_WAY | {"waiting"})
    connection.execute(_TARGETS.update().where(unfinished).values(state="withdrawn", updated_s=now_s))
    return list(told)


def running(connection: Connection) -> Sequence[int]:
    """Ids of the rollouts that go on."""
    return connection.scalars(sa.select(_ROLLOUTS.c.id).where(_ROLLOUTS.c.state == "running")).all()


def list_rollouts(connection: Connection) -> tuple[RolloutSummary, ...]:
    """All of them, newest first."""
    counts: dict[int, dict[str, int]] = {}
    counted = sa.select(_TARGETS.c.rollout, _TARGETS.c.state, sa.func.count()).group_by(
        _TARGETS.c.rollout, _TARGETS.c.state
    )
    for rollout, state, count in connection.execute(counted):
        counts.setdefault(rollout, {})[state] = count
    rows = connection.execute(sa.select(_ROLLOUTS).order_by(_ROLLOUTS.c.id.desc()))
    return tuple(RolloutSummary(**_facts(row), counts=counts.get(row.id, {})) for row in rows)


def show(connection: Connection, rollout: int) -> Rollout:
    """One with all its devices; NotFoundError for an unknown one."""
    row = connection.execute(sa.select(_ROLLOUTS).where(_ROLLOUTS.c.id == rollout)).first()
    if row is None:
        raise _unknown(rollout)
    devices = targets_of(connection, rollout)
    return Rollout(**_facts(row), counts=Counter(target.state for target in devices), devices=devices)


def _candidates(connection: Connection, wanted: Sequence[str] | None) -> list[Candidate]:
    """The devices asked for, or all; NotFoundError names the first unknown one."""
    query = sa.select(tables.DEVICES)
    known = {row.device: row for row in connection.execute(query)}
    for name in wanted or ():
        if name not in known:
            raise NotFoundError(f"no device {name!r}", where="rollout", fix="List them: edgeferry fleet devices")
    rows = known.values() if wanted is None else [known[name] for name in dict.fromkeys(wanted)]
    return [Candidate(row.device, _profile(row), row.digest, row.online) for row in rows]


def _profile(row: Row[Any]) -> str:
    return msgspec.json.decode(row.birth, type=Birth).profile if row.birth else ""


def _refuse_overlap(connection: Connection, devices: Iterable[str]) -> None:
    """A device cannot be on its way to two releases."""
    open_states = UNDER_WAY | {"waiting"}
    busy = (
        sa.select(_TARGETS.c.device, _TARGETS.c.rollout)
        .join(_ROLLOUTS)
        .where((_ROLLOUTS.c.state == "running") & _TARGETS.c.state.in_(open_states))
    )
    taken = {row.device: row.rollout for row in connection.execute(busy)}
    for device in devices:
        if device in taken:
            raise ConflictError(
                f"{device} is still on its way in rollout {taken[device]}",
                where="rollout",
                fix=f"Wait for it, or stop it: edgeferry fleet rollout abort {taken[device]}",
            )


def _insert(connection: Connection, order: RolloutOrder, planned: Plan, now_s: float) -> int:
    name, version = parse_release(order.release)
    rollout = connection.scalar(
        _ROLLOUTS.insert()
        .returning(_ROLLOUTS.c.id)
        .values(
            name=name,
            version=version,
            phases=to_json(order.phases).decode(),
            limits=order.limits.model_dump_json(),
            deadline_s=order.deadline_minutes * 60,
            whole_if_delta_fails=order.whole_if_delta_fails,
            budget_bytes=order.budget_bytes,
            state="running",
            detail="",
            created_s=now_s,
        )
    )
    assert isinstance(rollout, int)
    rows = [
        _row(rollout, p.device, now_s, wave=number, digest=p.digest, state="waiting")
        for number, wave in enumerate(planned.waves)
        for p in wave
    ]
    rows += [_row(rollout, d, now_s, state="committed", detail="it ran this bundle already") for d in planned.already]
    rows += [_row(rollout, d, now_s, state="blocked", cause="profile", detail=why) for d, why in planned.blocked]
    connection.execute(_TARGETS.insert(), rows)
    return rollout


def _row(rollout: int, device: str, now_s: float, **said: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("wave", "digest", "counter", "cause", "deadline_s", "told_s", "delta"))
    return {**empty, "detail": "", "rollout": rollout, "device": device, "updated_s": now_s, **said}


def _decidable(connection: Connection, rollout: int) -> list[waves.Target]:
    columns = (_TARGETS.c.device, _TARGETS.c.wave, _TARGETS.c.state, _TARGETS.c.cause, _TARGETS.c.detail)
    query = sa.select(*columns).where(_TARGETS.c.rollout == rollout).order_by(_TARGETS.c.wave, _TARGETS.c.device)
    return [waves.Target(*row) for row in connection.execute(query)]


def _tell(connection: Connection, rollout: Row[Any], wave: int, now_s: float, may_offer: deltas.MayOffer) -> None:
    """Give each device of the wave its counter, its deadline and, where one fits what it holds, its delta.

    Counters grow with the clock, so that a store made anew does not begin below what devices have accepted.
    """
    mine = (_TARGETS.c.rollout == rollout.id) & (_TARGETS.c.wave == wave)
    wanted = {row.device: row.digest for row in connection.execute(sa.select(_TARGETS).where(mine))}
    last = sa.select(_TARGETS.c.device, sa.func.max(_TARGETS.c.counter)).where(_TARGETS.c.device.in_(wanted))
    counters = {device: counter or 0 for device, counter in connection.execute(last.group_by(_TARGETS.c.device))}
    for device, digest in wanted.items():
        told = {
            "state": "assigned",
            "counter": max(counters.get(device, 0) + 1, int(now_s)),
            "told_s": now_s,
            "deadline_s": now_s + rollout.deadline_s,
            "delta": deltas.choose(connection, device, digest, may_offer),
            "updated_s": now_s,
        }
        connection.execute(_TARGETS.update().where(mine & (_TARGETS.c.device == device)).values(told))


def _end(
    connection: Connection, rollout: int, state: str, now_s: float, cause: str | None = None, detail: str = ""
) -> None:
    values = {"state": state, "cause": cause, "detail": detail, "ended_s": now_s}
    connection.execute(_ROLLOUTS.update().where(_ROLLOUTS.c.id == rollout).values(values))


def _facts(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "release": f"{row.name}@{row.version}",
        "state": row.state,
        "cause": row.cause,
        "detail": row.detail,
        "phases": msgspec.json.decode(row.phases, type=tuple[str, ...]),
        "limits": HealthLimits.model_validate_json(row.limits),
        "deadline_minutes": row.deadline_s / 60,
        "whole_if_delta_fails": row.whole_if_delta_fails,
        "budget_mib": None if row.budget_bytes is None else row.budget_bytes / 2**20,
        "created_at": rfc3339(row.created_s),
        "ended_at": None if row.ended_s is None else rfc3339(row.ended_s),
    }


def _unknown(rollout: int) -> NotFoundError:
    return NotFoundError(f"no rollout {rollout}", where="rollouts", fix="List them: edgeferry fleet rollout list")
