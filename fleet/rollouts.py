"""Rollouts in the store: begun from a plan, moved on by the states of their devices, stopped by a person.

Each function works in the caller's transaction and knows no broker; `fleet/conductor.py` tells the devices after the
commit. Several rollouts may be open at once as long as no unfinished device is in two of them.

unapproved ─approved→ running ⇄ scheduled (outside its window) ─everybody finished→ done
running | scheduled ⇄ paused (by a person);  every open one ─a failure too many, a verdict, a person→ halted
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from contract.codec import to_json
from contract.errors import ConfigError
from fleet import deltas, tables, waves
from fleet.answers import Rollout, RolloutOrder, RolloutSummary
from fleet.planner import Plan, plan
from fleet.refusals import ConflictError, NotFoundError
from fleet.releases import bundles_of, parse_release
from fleet.rolling import joining, rates, seams, telling
from fleet.rolling.choosing import OPEN, busy, choose
from fleet.rolling.deadlines import end_catching_up
from fleet.rolling.rows import facts, rows_of, terms_in
from fleet.rolling.steps import SERVER, note, steps_of
from fleet.rolling.terms import Terms, failure_rule, opens_at, terms_of
from fleet.target_states import FAILED, UNDER_WAY, UNFINISHED
from fleet.targets import targets_of

PAGE = 1000
"""Devices shown with a rollout unless another number is asked for."""
_ROLLOUTS, _TARGETS = tables.ROLLOUTS, tables.ASSIGNMENTS


def create(connection: Connection, order: RolloutOrder, now_s: float, by: str = "local") -> int:
    """Plan and begin; returns the rollout's id. Nobody is told yet: that is `advance`'s matter."""
    terms = terms_of(order)
    planned = planned_for(connection, order, terms, now_s)
    if not planned.waves and not planned.already:
        reasons = "; ".join(f"{blocker.device}: {blocker.reason}" for blocker in planned.blocked[:5])
        raise ConfigError(
            f"nobody can take {order.release}: {reasons or 'no device is meant'}",
            where="rollout",
            fix="Convert and release a bundle for these profiles, or choose other devices.",
        )
    refuse_overlap(connection, (placement.device for wave in planned.waves for placement in wave))
    return insert(connection, order, terms, planned, now_s, by)


def planned_for(connection: Connection, order: RolloutOrder, terms: Terms, now_s: float) -> Plan:
    """Who would be told in which wave."""
    bundles = bundles_of(connection, order.release)
    candidates = choose(connection, terms.target, now_s)
    return plan(candidates, bundles, order.phases, terms.control_share, for_good=terms.control_for_good)


def refuse_overlap(connection: Connection, devices: Iterable[str]) -> None:
    """A device cannot be on its way to two releases."""
    taken = busy(connection)
    for device in devices:
        if device in taken:
            raise ConflictError(
                f"{device} is still on its way in rollout {taken[device]}",
                where="rollout",
                fix=f"Wait for it, or stop it: edgeferry fleet rollout abort {taken[device]}",
            )


def insert(
    connection: Connection,
    order: RolloutOrder,
    terms: Terms,
    planned: Plan,
    now_s: float,
    by: str,
    back_of: int | None = None,
) -> int:
    """Write a rollout and its devices; returns its id."""
    name, version = parse_release(order.release)
    terms = msgspec.structs.replace(terms, rated_from=planned.rated_from)
    values = {
        "name": name,
        "version": version,
        "phases": to_json(order.phases).decode(),
        "limits": order.limits.model_dump_json(),
        "deadline_s": order.deadline_minutes * 60,
        "whole_if_delta_fails": order.whole_if_delta_fails,
        "budget_bytes": order.budget_bytes,
        "state": "unapproved" if terms.needs_approval else _open_state(terms, now_s),
        "detail": "",
        "created_s": now_s,
        "created_by": by,
        "terms": to_json(terms).decode(),
        "back_of": back_of,
        "joined_s": now_s,
    }
    rollout = connection.scalar(_ROLLOUTS.insert().returning(_ROLLOUTS.c.id).values(values))
    assert isinstance(rollout, int)
    connection.execute(_TARGETS.insert(), rows_of(rollout, planned, now_s))
    note(connection, rollout, by, "created", now_s, f"{order.release} to {terms.target.words}")
    return rollout


def advance(
    connection: Connection, rollout: int, now_s: float, may_offer: deltas.MayOffer = lambda _name: True
) -> bool:
    """Take the next step of a running rollout, if there is one; `may_offer` says which deltas devices take.

    Returns whether another step may be taken at once.
    """
    found = sa.select(_ROLLOUTS).where((_ROLLOUTS.c.id == rollout) & _ROLLOUTS.c.state.in_(("running", "scheduled")))
    row = connection.execute(found.with_for_update()).first()
    if row is None:
        return False
    terms = terms_in(row)
    if came := joining.look(connection, row, terms, now_s):
        note(connection, rollout, SERVER, "joined", now_s, f"{came} devices came to fit")
    end_catching_up(connection, rollout, terms.catch_up_days, now_s)
    groups = _decidable(connection, rollout)
    taking_part = sum(group.devices for group in groups if group.wave is not None)
    decision = waves.decide(groups, failure_rule(terms.max_failures, terms.min_finished, taking_part))
    judged = seams.verdict(connection, rollout, now_s)
    if judged.halt and not isinstance(decision, waves.Halt):
        decision = waves.Halt(judged.cause or "verdict", judged.detail)
    if isinstance(decision, waves.Halt):
        halt(connection, rollout, now_s, decision.cause, decision.detail)
        return False
    if isinstance(decision, waves.Done):
        _finish(connection, row, terms, now_s)
        return False
    if not _opened(connection, row, terms, groups, now_s):
        return False
    returned = telling.tell_returned(connection, row, now_s, may_offer)
    looked_at = not (terms.soak_s and judged.pending)
    if isinstance(decision, waves.Tell) and looked_at and _soaked(connection, row, terms, decision, now_s):
        return _tell(connection, row, terms, decision, groups, now_s, may_offer) or returned == telling.AT_ONCE
    return returned == telling.AT_ONCE


def halt(connection: Connection, rollout: int, now_s: float, cause: str, detail: str) -> None:
    """Stop it without a person: no further device is told."""
    _end(connection, rollout, "halted", now_s, cause, detail)
    note(connection, rollout, SERVER, "halted", now_s, f"{cause}: {detail}")
    seams.note_halt(connection, rollout, f"{cause}: {detail}")


def approve(connection: Connection, rollout: int, now_s: float, by: str = "local") -> None:
    """Let it begin; where users exist, whoever ordered it needs somebody else for that."""
    row = _locked(connection, rollout)
    if row.state != "unapproved":
        raise ConflictError(
            f"it is {row.state} and awaits no approval", where=f"rollout {rollout}", fix="Nothing is left to do."
        )
    if by == row.created_by and seams.has_users(connection):
        raise ConflictError(
            f"{by} ordered it and cannot approve it", where=f"rollout {rollout}", fix="Ask somebody else to approve it."
        )
    _set(connection, rollout, state=_open_state(terms_in(row), now_s))
    note(connection, rollout, by, "approved", now_s)


def pause(connection: Connection, rollout: int, now_s: float, by: str = "local") -> None:
    """Tell nobody until it is resumed; devices under way finish."""
    row = _locked(connection, rollout)
    if row.state not in ("running", "scheduled"):
        raise ConflictError(
            f"it is {row.state} and cannot be paused", where=f"rollout {rollout}", fix="Only what runs can be paused."
        )
    _set(connection, rollout, state="paused")
    note(connection, rollout, by, "paused", now_s)


def resume(connection: Connection, rollout: int, now_s: float, by: str = "local") -> None:
    """Go on with a paused one; its rate goes on where it was, and what failed meanwhile is judged at once."""
    row = _locked(connection, rollout)
    if row.state != "paused":
        raise ConflictError(
            f"it is {row.state} and not paused",
            where=f"rollout {rollout}",
            fix="What was halted is not resumed: begin another rollout once the cause is gone.",
        )
    _set(connection, rollout, state=_open_state(terms_in(row), now_s), wave_from_s=None)
    note(connection, rollout, by, "resumed", now_s)


def abort(connection: Connection, rollout: int, now_s: float, by: str = "local") -> list[str]:
    """Stop it; returns the devices that were told and have not finished, whose assignment is to be withdrawn."""
    row = _locked(connection, rollout)
    if row.state not in OPEN:
        raise ConflictError(f"it is {row.state} already", where=f"rollout {rollout}", fix="Nothing is left to stop.")
    _end(connection, rollout, "halted", now_s, "aborted", "stopped by a person")
    note(connection, rollout, by, "halted", now_s, "aborted: stopped by a person")
    return withdraw(connection, rollout, now_s)


def withdraw(connection: Connection, rollout: int, now_s: float) -> list[str]:
    """Take back what unfinished devices of a stopped rollout were told; returns who had been told."""
    mine, table = _TARGETS.c.rollout == rollout, _TARGETS.c
    told = connection.scalars(
        sa.select(table.device).where(mine & table.state.in_(UNDER_WAY)).order_by(table.device)
    ).all()
    values = {"state": "withdrawn", "updated_s": now_s, "state_s": now_s}
    under_way = mine & table.state.in_(UNDER_WAY)
    connection.execute(_TARGETS.update().where(under_way).values(**values, unsent=True))
    connection.execute(_TARGETS.update().where(mine & table.state.in_(UNFINISHED)).values(values))
    return list(told)


def running(connection: Connection) -> Sequence[int]:
    """Ids of the rollouts that go on by themselves."""
    going_on = _ROLLOUTS.c.state.in_(("running", "scheduled"))
    return connection.scalars(sa.select(_ROLLOUTS.c.id).where(going_on).order_by(_ROLLOUTS.c.id)).all()


def list_rollouts(connection: Connection) -> tuple[RolloutSummary, ...]:
    """All of them, newest first."""
    counts: dict[int, dict[str, int]] = {}
    counted = sa.select(_TARGETS.c.rollout, _TARGETS.c.state, sa.func.count()).group_by(
        _TARGETS.c.rollout, _TARGETS.c.state
    )
    for rollout, state, count in connection.execute(counted):
        counts.setdefault(rollout, {})[state] = count
    rows = connection.execute(sa.select(_ROLLOUTS).order_by(_ROLLOUTS.c.id.desc()))
    return tuple(RolloutSummary(**facts(row), counts=counts.get(row.id, {})) for row in rows)


def show(
    connection: Connection,
    rollout: int,
    *,
    offset: int = 0,
    limit: int = PAGE,
    state: str | None = None,
) -> Rollout:
    """One with a page of its devices, in one state if asked; NotFoundError for an unknown one."""
    row = _found(connection, rollout)
    counted = sa.select(_TARGETS.c.state, sa.func.count().label("devices")).where(_TARGETS.c.rollout == rollout)
    counts = {group.state: group.devices for group in connection.execute(counted.group_by(_TARGETS.c.state))}
    return Rollout(
        **facts(row),
        counts=counts,
        devices=targets_of(connection, rollout, offset=offset, limit=limit, state=state),
        devices_total=sum(counts.values()) if state is None else counts.get(state, 0),
        offset=offset,
        steps=steps_of(connection, rollout),
    )


def _decidable(connection: Connection, rollout: int) -> list[waves.Target]:
    """One target a wave and state, with the cause of one device where that failed: a tick never reads every device."""
    table = _TARGETS.c
    mine = (table.rollout == rollout) & table.wave.is_not(None)
    grouped = sa.select(table.wave, table.state, sa.func.count(), sa.func.min(table.device)).where(mine)
    found = []
    for wave, state, count, device in connection.execute(
        grouped.group_by(table.wave, table.state).order_by(table.wave, sa.func.min(table.device))
    ).all():
        cause, detail = _why(connection, rollout, device) if state in FAILED else (None, "")
        found.append(waves.Target(device, wave, state, cause, detail, count))
    return found


def _why(connection: Connection, rollout: int, device: str) -> tuple[str | None, str]:
    here = (_TARGETS.c.rollout == rollout) & (_TARGETS.c.device == device)
    row = connection.execute(sa.select(_TARGETS.c.cause, _TARGETS.c.detail).where(here)).one()
    return row.cause, row.detail


def _opened(connection: Connection, row: Row[Any], terms: Terms, groups: Sequence[waves.Target], now_s: float) -> bool:
    """Whether devices may be told now; the rollout's state follows."""
    if opens_at(terms, now_s) > now_s:
        if row.state == "running" and any(group.state in ("waiting", "away") for group in groups):
            _set(connection, row.id, state="scheduled")
            note(connection, row.id, SERVER, "scheduled", now_s, "its time window is closed")
        return False
    if row.state == "scheduled":
        _set(connection, row.id, state="running", wave_from_s=None)
        note(connection, row.id, SERVER, "began", now_s, "its time window is open")
    return True


def _soaked(connection: Connection, row: Row[Any], terms: Terms, decision: waves.Tell, now_s: float) -> bool:
    """Whether the wave before has been watched for long enough."""
    if not decision.begins or decision.wave == 0 or not terms.soak_s:
        return True
    if row.rested_s is None or row.rested_s > now_s:
        _set(connection, row.id, rested_s=now_s)
        return False
    return bool(now_s >= row.rested_s + terms.soak_s)


def _tell(
    connection: Connection,
    row: Row[Any],
    terms: Terms,
    decision: waves.Tell,
    groups: Sequence[waves.Target],
    now_s: float,
    may_offer: deltas.MayOffer,
) -> bool:
    """Tell as many of a wave as may be told now; returns whether more may follow at once."""
    most = telling.AT_ONCE
    rated = terms.rated_from is not None and decision.wave >= terms.rated_from
    if rated:
        had_turn = sum(g.devices for g in groups if g.wave == decision.wave and g.state != "waiting")
        most = _allowed(connection, row, decision, had_turn, now_s)
    if decision.begins:
        _set(connection, row.id, rested_s=None)
        note(connection, row.id, SERVER, "told", now_s, f"wave {decision.wave + 1} begins")
    told = telling.tell_wave(connection, row, decision.wave, most, now_s, may_offer) if most else 0
    return told == telling.AT_ONCE and not rated


def _allowed(connection: Connection, row: Row[Any], decision: waves.Tell, had_turn: int, now_s: float) -> int:
    """How many the rate allows now. After a break, or a jump of the clock, it goes on from where it was."""
    rate = rates.parse(msgspec.json.decode(row.phases, type=tuple[str, ...])[-1])
    assert rate is not None
    if decision.begins:
        _set(connection, row.id, wave_from_s=now_s)
        return 1
    active_s = None if row.wave_from_s is None else now_s - row.wave_from_s
    reached_s, due_s = (60 * rate.minutes_for(max(1, had_turn) + more) for more in (0, 1))
    if active_s is None or not reached_s - 60 <= active_s <= due_s + 60:
        _set(connection, row.id, wave_from_s=now_s - reached_s)
        return 0
    return max(0, rate.allowed(active_s) - had_turn)


def _finish(connection: Connection, row: Row[Any], terms: Terms, now_s: float) -> None:
    """Everybody finished: done, unless it stays open for newcomers."""
    if terms.dynamic:
        rested_s = row.rested_s
        if rested_s is None or rested_s > now_s:
            rested_s = now_s
            _set(connection, row.id, rested_s=rested_s)
        if now_s < rested_s + terms.catch_up_days * 86400:
            return
    _end(connection, row.id, "done", now_s)
    note(connection, row.id, SERVER, "done", now_s)


def _open_state(terms: Terms, now_s: float) -> str:
    return "scheduled" if opens_at(terms, now_s) > now_s else "running"


def _end(
    connection: Connection, rollout: int, state: str, now_s: float, cause: str | None = None, detail: str = ""
) -> None:
    _set(connection, rollout, state=state, cause=cause, detail=detail, ended_s=now_s)


def _set(connection: Connection, rollout: int, **values: Any) -> None:
    connection.execute(_ROLLOUTS.update().where(_ROLLOUTS.c.id == rollout).values(values))


def _locked(connection: Connection, rollout: int) -> Row[Any]:
    row = connection.execute(sa.select(_ROLLOUTS).where(_ROLLOUTS.c.id == rollout).with_for_update()).first()
    if row is None:
        raise _unknown(rollout)
    return row


def _found(connection: Connection, rollout: int) -> Row[Any]:
    row = connection.execute(sa.select(_ROLLOUTS).where(_ROLLOUTS.c.id == rollout)).first()
    if row is None:
        raise _unknown(rollout)
    return row


def _unknown(rollout: int) -> NotFoundError:
    return NotFoundError(f"no rollout {rollout}", where="rollouts", fix="List them: edgeferry fleet rollout list")
