"""Reads what the judge needs of a running rollout, seldom and little: every ten seconds, and only what is due.

    states of the told, presence            every time, counted by the database
    who reached a look after being told     once a device and look
    readings before and after the switch    once a device and look, a minute's worth of switches together, of at most
                                            60 canaries and 200 control devices

Which model a reading speaks of is said by its digest, never by a clock; clocks only choose the span. A device whose
clock is far off therefore has no readings in the span and is not compared; its failures and its silence still count.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections import Counter
from typing import NamedTuple

import msgspec
import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fleet import tables
from fleet.judging import memory as kept
from fleet.judging.court import Changes, allowance
from fleet.judging.limits import Judging
from fleet.judging.memory import Memory
from fleet.judging.metrics import METRICS
from fleet.judging.spans import Span, read, thinning, windows_of
from fleet.judging.verdicts import Verdict
from fleet.judging.windows import changes
from fleet.judging.words import pronounce
from fleet.refusals import NotFoundError
from fleet.target_states import FAILED

EVERY_S = 10.0
MOST_CONTROLS = 200
MOST_CANARIES = 60
QUIET_S = 300.0
"""Somebody of whom nothing has been heard for so long is gone, as is somebody whose connection broke."""
CONTROL_STATES = frozenset({"waiting", "held-back"})
_TARGET, _DEVICE = tables.ASSIGNMENTS.c, tables.DEVICES.c
_JOINED = tables.ASSIGNMENTS.join(tables.DEVICES, _TARGET.device == _DEVICE.device)


class _Canary(NamedTuple):
    device: str
    digest: str
    told_s: float
    committed_s: float


def judge(connection: Connection, rollout: int, now_s: float) -> Verdict:
    """The newest verdict, made anew where it is older than `EVERY_S`; NotFoundError for an unknown rollout."""
    before = kept.newest(connection, rollout)
    if before is not None and 0 <= now_s - before[0] < EVERY_S:
        return before[1]
    row = connection.execute(sa.select(tables.ROLLOUTS).where(tables.ROLLOUTS.c.id == rollout)).first()
    if row is None:
        raise NotFoundError(f"no rollout {rollout}", where="rollouts", fix="List them: edgeferry fleet rollout list")
    allowed = _settings(row.limits)
    memory = kept.load(connection, rollout, len(allowed.looks_s))
    _hear_failures(connection, rollout, allowed, memory)
    for look in range(len(allowed.looks_s)):
        _hear_silence(connection, rollout, allowed, memory, look, now_s)
        _hear_readings(connection, rollout, allowed, memory, look, now_s)
    new, pending = f"{row.name}@{row.version}", _pending(connection, rollout, memory, now_s)
    verdict = pronounce(memory.hearing, allowed, new=new, old=memory.old, pending=pending)
    kept.save(connection, rollout, now_s, verdict, memory)
    return verdict


def _settings(limits: str) -> Judging:
    """As the order said; a rollout from before there were any is judged by the defaults."""
    said = msgspec.json.decode(limits).get("judging")
    return Judging() if said is None else Judging.model_validate(said)


def _hear_failures(connection: Connection, rollout: int, allowed: Judging, memory: Memory) -> None:
    """A device counts from when it was heard after being told: one that slept through it says nothing.

    Failed is also who has committed and serves something else again, unless a later rollout told it to.
    """
    later = tables.ASSIGNMENTS.alias()
    overtaken = sa.exists().where((later.c.device == _TARGET.device) & (later.c.counter > _TARGET.counter))
    back = (_TARGET.state == "committed") & _DEVICE.online & (_DEVICE.digest != _TARGET.digest) & ~overtaken
    failed = sa.case((_TARGET.state.in_(FAILED) | back, 1), else_=0)
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(failed), 0)).select_from(_JOINED)
    told, bad = connection.execute(query.where(_reacted(rollout))).one()
    memory.hearing.hear_failures(allowed, told=int(told), failed=int(bad))


def _hear_silence(
    connection: Connection, rollout: int, allowed: Judging, memory: Memory, look: int, now_s: float
) -> None:
    """Of those who came to this look since the last time, how many are gone; and of control at this moment."""
    start, end = memory.told_until[look], now_s - allowed.looks_s[look]
    if end <= start:
        return
    memory.told_until[look] = end
    gone = sa.case((~_DEVICE.online | (_DEVICE.last_seen_s < now_s - QUIET_S), 1), else_=0)
    count = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(gone), 0)).select_from(_JOINED)
    due = _reacted(rollout) & (_TARGET.told_s >= start) & (_TARGET.told_s < end)
    canaries, missing = map(int, connection.execute(count.where(due)).one())
    if not canaries:
        return
    controls, controls_gone = map(int, connection.execute(count.where(_control(rollout))).one())
    memory.hearing.hear_silence(
        look, allowed, canaries=canaries, gone=missing, controls=controls, controls_gone=controls_gone
    )


def _hear_readings(
    connection: Connection, rollout: int, allowed: Judging, memory: Memory, look: int, now_s: float
) -> None:
    """The earliest minute's worth of switches that is due, if any; the next follows at the next look."""
    look_s = allowed.looks_s[look]
    slot_s, grace_s = min(60.0, look_s / 5), min(15.0, look_s / 10)
    until = math.floor((now_s - look_s - grace_s) / slot_s) * slot_s
    due = (_TARGET.rollout == rollout) & (_TARGET.state == "committed") & _TARGET.wave.is_not(None)
    due &= (_TARGET.updated_s >= memory.committed_until[look]) & (_TARGET.updated_s < until)
    earliest = connection.scalar(sa.select(sa.func.min(_TARGET.updated_s)).where(due))
    if earliest is None:
        memory.committed_until[look] = max(memory.committed_until[look], until)
        return
    slot = math.floor(earliest / slot_s) * slot_s
    memory.committed_until[look] = slot + slot_s
    columns = _TARGET.device, _TARGET.digest, _TARGET.told_s, _TARGET.updated_s
    found = connection.execute(sa.select(*columns).where(due & (_TARGET.updated_s < slot + slot_s)))
    canaries = [_Canary(*row) for row in found if row.told_s is not None and row.digest is not None]
    canaries = heapq.nsmallest(MOST_CANARIES, canaries, key=lambda canary: _lot(f"{rollout} {canary.device}"))
    controls = _controls(connection, rollout, memory)
    if canaries and controls:
        _compare(connection, rollout, allowed, memory, look, (canaries, controls, slot + slot_s / 2))


def _compare(
    connection: Connection,
    rollout: int,
    allowed: Judging,
    memory: Memory,
    look: int,
    group: tuple[list[_Canary], dict[str, str], float],
) -> None:
    """Canaries over their own spans, control over the middle of these."""
    canaries, controls, switched_s = group
    look_s = allowed.looks_s[look]
    told_s = float(np.median([canary.told_s for canary in canaries]))
    before: dict[str, Span] = dict.fromkeys(controls, (told_s - look_s, told_s))
    after: dict[str, Span] = dict.fromkeys(controls, (switched_s, switched_s + look_s))
    every = thinning(connection, after)
    aims = {canary.device: canary.digest for canary in canaries}
    before |= {canary.device: (canary.told_s - look_s, canary.told_s) for canary in canaries}
    after |= {canary.device: (canary.committed_s, canary.committed_s + look_s) for canary in canaries}
    new_to = {**controls, **aims}
    old = windows_of(read(connection, before, every), lambda name, digest: digest != new_to[name])
    serves = {name: digest for name, (digest, _) in old.items()} | aims
    new = windows_of(read(connection, after, every), lambda name, digest: digest == serves.get(name))
    changed = {name: changes(old[name][1], window) for name, (_, window) in new.items() if name in old}
    for metric in METRICS:
        if allowance(allowed, metric) is not None:
            key = f"{rollout} {look} {metric}"
            control = _changes(key, metric, [name for name in controls if name in changed], changed)
            heard = _changes(key, metric, [name for name in aims if name in changed], changed)
            memory.hearing.hear_changes(look, metric, allowed, control, heard)


def _changes(key: str, metric: str, names: list[str], changed: dict[str, dict[str, float]]) -> Changes:
    return Changes(
        np.array([changed[name][metric] for name in names]), np.array([_lot(f"{key} {name}") for name in names])
    )


def _controls(connection: Connection, rollout: int, memory: Memory) -> dict[str, str]:
    """Devices not told yet that are there, by lot, and the digest they must not have yet."""
    there = _control(rollout) & _DEVICE.online & (_DEVICE.digest != _TARGET.digest)
    query = sa.select(_TARGET.device, _TARGET.digest, _DEVICE.model).select_from(_JOINED).where(there)
    drawn = heapq.nsmallest(MOST_CONTROLS, connection.execute(query), key=lambda row: _lot(f"{rollout} {row.device}"))
    if drawn:
        memory.old = Counter(row.model for row in drawn).most_common(1)[0][0] or memory.old
    return {row.device: row.digest for row in drawn}


def _pending(connection: Connection, rollout: int, memory: Memory, now_s: float) -> int:
    """How many have yet to be compared; a clock that was put back is not waited for."""
    waits = (_TARGET.rollout == rollout) & (_TARGET.state == "committed") & _TARGET.wave.is_not(None)
    waits &= (_TARGET.updated_s >= memory.committed_until[0]) & (_TARGET.updated_s <= now_s)
    return int(connection.scalar(sa.select(sa.func.count()).where(waits)) or 0)


def _reacted(rollout: int) -> sa.ColumnElement[bool]:
    """Was told, and has been heard since."""
    told = (_TARGET.rollout == rollout) & _TARGET.told_s.is_not(None) & (_TARGET.state != "withdrawn")
    heard = _DEVICE.last_seen_s >= _TARGET.told_s
    return told & (_TARGET.state.not_in(("assigned", "silent")) | heard)


def _control(rollout: int) -> sa.ColumnElement[bool]:
    return (_TARGET.rollout == rollout) & _TARGET.wave.is_not(None) & _TARGET.state.in_(CONTROL_STATES)


def _lot(said: str) -> float:
    """A number above 0 and below 1 that looks drawn and is always the same."""
    drawn = hashlib.blake2b(said.encode(), digest_size=6).digest()
    return (int.from_bytes(drawn, "big") + 0.5) / 2**48
