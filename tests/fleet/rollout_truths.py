"""What must be true of rollouts, whatever has happened: always, after each tick, and once everything is at rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from fleet import tables
from fleet.planner import wave_ends
from fleet.rolling.choosing import OPEN
from fleet.rolling.terms import Terms, failure_rule
from fleet.target_states import FAILED, SETTLED, UNDER_WAY, UNFINISHED
from tests.fleet.modelled_devices import ModelledDevice

AT_REST = ("unapproved", "paused", "halted", "done")
"""A person or nobody moves these; the others go on by themselves."""
Key = tuple[int, str]
"""Rollout and device."""
Rows = dict[Key, Row[Any]]


def rows_of(connection: Connection) -> Rows:
    """Every device of every rollout, with what the rollout is like."""
    target, rollout = tables.ASSIGNMENTS, tables.ROLLOUTS.c
    columns = rollout.state.label("of"), rollout.phases, rollout.terms
    query = sa.select(target, *columns).join_from(target, tables.ROLLOUTS)
    return {(row.rollout, row.device): row for row in connection.execute(query)}


def nobody_is_in_two_open_rollouts(rows: Iterable[Row[Any]]) -> None:
    busy = [row.device for row in rows if row.of in OPEN and row.state in UNFINISHED]
    assert len(busy) == len(set(busy)), f"in two open rollouts: {busy}"


def no_more_are_touched_than_the_waves_allow(rows: Iterable[Row[Any]]) -> None:
    for rollout, mine in _by_rollout(rows).items():
        taking_part = [row for row in mine if row.wave is not None]
        begun = max((row.wave for row in taking_part if row.state != "waiting"), default=-1)
        touched = sum(row.counter is not None for row in mine)
        terms = _terms(mine[0])
        if terms.dynamic or begun < 0:
            continue
        control = int(len(taking_part) * terms.control_share)
        ends = wave_ends(msgspec.json.decode(mine[0].phases), len(taking_part) - control)
        allowed = (*ends, len(taking_part))[begun]
        assert touched <= allowed, f"rollout {rollout} has told {touched}, and its {begun + 1} waves have {allowed}"


def nobody_is_late(rows: Iterable[Row[Any]], now_s: float) -> None:
    late = [(row.device, row.state) for row in rows if row.state in UNDER_WAY and row.deadline_s < now_s]
    assert not late, f"past the deadline: {late}"


def too_many_failures_have_halted(rows: Iterable[Row[Any]]) -> None:
    for rollout, mine in _by_rollout(rows).items():
        taking_part = [row for row in mine if row.wave is not None]
        failed = sum(row.state in FAILED for row in taking_part)
        done = sum(row.state == "committed" for row in taking_part)
        terms = _terms(mine[0])
        rule = failure_rule(terms.max_failures, terms.min_finished, len(taking_part))
        broken = rule.broken(failed, failed + done, at_rest=not any(row.state in UNDER_WAY for row in taking_part))
        assert not (mine[0].of in ("running", "scheduled") and broken and failed), f"rollout {rollout} goes on"


def a_wave_waits_for_the_one_before(before: Rows, after: Rows) -> None:
    """Told in this tick, and not because it came back: then nobody told earlier, of the wave before, is under way."""
    told = {key for key, row in after.items() if row.counter != (before[key].counter if key in before else None)}
    for key in told:
        if key in before and before[key].state != "waiting":
            continue
        wave, rollout = after[key].wave, key[0]
        earlier = [k for k, row in after.items() if k[0] == rollout and row.wave == wave - 1 and k not in told]
        under_way = [after[k].device for k in earlier if after[k].state in UNDER_WAY]
        assert not under_way, f"rollout {rollout} told {key[1]} while {under_way} were under way"


def every_rollout_is_at_rest(rows: Iterable[Row[Any]]) -> None:
    for row in rows:
        assert row.of in AT_REST, f"rollout {row.rollout} is {row.of}, with {row.device} {row.state}"
        assert row.state not in UNDER_WAY, f"{row.device} is {row.state} in rollout {row.rollout}"
        assert row.state not in UNFINISHED or row.of != "done", f"{row.device} is {row.state} in what is done"


def the_fleet_knows(connection: Connection, device: ModelledDevice) -> None:
    """What is believed of a device is what it is."""
    table = tables.DEVICES.c
    known = connection.execute(sa.select(tables.DEVICES).where(table.device == device.name)).one()
    believed = known.digest, known.model, known.online, known.boot
    assert believed == (device.slots.current, device.model, device.connected, device.outbox.boot), device.name
    for row in rows_of(connection).values():
        if row.device == device.name and row.counter is not None:
            _the_fleet_knows_how_it_ended(row, device)


def _the_fleet_knows_how_it_ended(row: Row[Any], device: ModelledDevice) -> None:
    """What the device acted upon ended as the device says; what it never heard of has been given up."""
    where = f"{device.name} in rollout {row.rollout}, counter {row.counter}"
    said = device.last_words.get(row.counter)
    if said is None:
        assert row.state in ("withdrawn", "silent"), f"{where} is {row.state}, and the device never heard of it"
        return
    assert said.state in SETTLED, where
    assert (row.state, row.cause) == (said.state, said.cause), f"{where}: the device says {said.state} ({said.cause})"


def _by_rollout(rows: Iterable[Row[Any]]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(row.rollout, []).append(row)
    return found


def _terms(row: Row[Any]) -> Terms:
    return msgspec.json.decode(row.terms, type=Terms)
