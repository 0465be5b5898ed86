"""From rows of the store to a verdict, on both databases."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import sqlalchemy as sa

from fleet import tables
from fleet.answers import HealthLimits
from fleet.judging import Verdict, verdict
from fleet.judging.limits import Judging
from fleet.refusals import NotFoundError
from fleet.store import Store
from tests.fleet.judging.stored_rollout import COMMITTED_S, NEW, TOLD_S, StoredRollout, names
from tests.fleet.simulated import DIGEST

CONTROL, CANARIES = names("old", 60), names("new", 12)
LOOK_S = 300.0
DUE_S = COMMITTED_S + LOOK_S + 80.0
ONE_LOOK = Judging(looks_s=(LOOK_S,))


def fill(rollout: StoredRollout, **fields: Any) -> None:
    """Everybody speaks all the time; canaries say `fields` once they serve the new model."""
    rollout.control(CONTROL)
    rollout.canaries(CANARIES)
    rollout.said(CONTROL, TOLD_S - LOOK_S, DUE_S, DIGEST)
    rollout.said(CANARIES, TOLD_S - LOOK_S, TOLD_S + 60, DIGEST)
    rollout.said(CANARIES, COMMITTED_S, DUE_S, NEW, **fields)


def found(verdict: Verdict, metric: str) -> tuple[int, int]:
    """How many canaries and control devices a metric was compared on."""
    return next(((f.devices_canary, f.devices_control) for f in verdict.findings if f.metric == metric), (0, 0))


def test_a_slow_model_halts_once_its_devices_have_served_long_enough(either_store: Store) -> None:
    with either_store.writing() as connection:
        rollout = StoredRollout(connection, ONE_LOOK)
        fill(rollout, ms=15.0)
        early = verdict(connection, rollout.id, DUE_S - 90)
        assert (early.halt, early.pending) == (False, 12)
        assert "12 devices not long enough on the new model to be compared" in early.detail
        assert verdict(connection, rollout.id, DUE_S - 90_000).pending == 0, "a clock that was put back"
    with either_store.writing() as connection:
        late = verdict(connection, rollout.id, DUE_S)
        assert (late.halt, late.cause, late.pending) == (True, "latency", 0)
        assert late.detail.startswith("latency p95 +5")
        assert "on 12 devices on digits@2 against" in late.detail
        assert "on 60 on digits@1, 5 min after the switch; surely beyond the +15 % allowed" in late.detail
    with either_store.writing() as connection:
        assert verdict(connection, rollout.id, DUE_S + 3600).cause == "latency"


def test_a_harmless_model_is_compared_once_and_goes_on(either_store: Store) -> None:
    with either_store.writing() as connection:
        rollout = StoredRollout(connection, ONE_LOOK)
        fill(rollout)
        for n in range(10):
            said = verdict(connection, rollout.id, DUE_S + 15 * n)
        assert not said.halt
        assert said.detail == "nothing speaks against going on, from 12 devices on the new model"
        assert {f.metric for f in said.findings} == {
            *("latency", "confidence", "answers", "restarts", "rate", "failures", "silence")
        }
        assert found(said, "latency") == (12, 60)


def test_confidence_and_rate_are_read_as_well(either_store: Store) -> None:
    with either_store.writing() as connection:
        rollout = StoredRollout(connection, ONE_LOOK)
        fill(rollout, mean_confidence=0.7, frames_per_s=5.0)
        said = verdict(connection, rollout.id, DUE_S)
        guilty = {f.metric: f.canary for f in said.findings if f.guilty}
        assert guilty == {"confidence": pytest.approx(-0.21), "rate": pytest.approx(-0.5)}


def test_between_looks_the_same_is_said_again_and_a_clock_that_jumps_back_does_no_harm(either_store: Store) -> None:
    with either_store.writing() as connection:
        rollout = StoredRollout(connection, ONE_LOOK)
        rollout.control(CONTROL)
        rollout.canaries(CANARIES, "rolled-back")
        first = verdict(connection, rollout.id, DUE_S)
        assert (first.halt, first.cause) == (True, "failures")
        connection.execute(tables.ASSIGNMENTS.update().values(state="committed"))
        assert verdict(connection, rollout.id, DUE_S + 9) == first
        assert verdict(connection, rollout.id, DUE_S - 5000).halt
        assert connection.scalar(sa.select(tables.JUDGING.c.looked_s)) == DUE_S - 5000


def test_a_device_that_serves_something_else_again_has_failed_unless_it_was_told_to(either_store: Store) -> None:
    with either_store.writing() as connection:
        rollout = StoredRollout(connection, ONE_LOOK)
        rollout.canaries(CANARIES, digest=DIGEST)
        connection.execute(tables.ASSIGNMENTS.update().values(counter=1))
        assert verdict(connection, rollout.id, TOLD_S + 200).cause == "failures"
        other = StoredRollout(connection, ONE_LOOK)
        rows = [{"rollout": other.id, "device": n, "counter": 2, "state": "committed", "detail": ""} for n in CANARIES]
        connection.execute(tables.ASSIGNMENTS.insert(), [{**row, "updated_s": TOLD_S} for row in rows])
        connection.execute(tables.JUDGING.delete())
        again = verdict(connection, rollout.id, TOLD_S + 200)
        assert (again.halt, again.findings[0].canary) == (False, 0.0)


def test_who_began_and_is_gone_halts_and_who_slept_through_it_does_not(either_store: Store) -> None:
    with either_store.writing() as connection:
        rollout = StoredRollout(connection, ONE_LOOK)
        rollout.control(CONTROL)
        rollout.canaries(CANARIES, "switching", online=False, last_seen_s=TOLD_S + 30)
        rollout.canaries(names("asleep", 20), "assigned", online=False, last_seen_s=TOLD_S - 30)
        rollout.canaries(names("late", 20), "silent", online=False, last_seen_s=TOLD_S - 30)
        assert not verdict(connection, rollout.id, TOLD_S + LOOK_S - 1).halt
        said = verdict(connection, rollout.id, TOLD_S + LOOK_S + 10)
        assert (said.halt, said.cause) == (True, "silence")
        assert said.detail.startswith(
            "12 of 12 devices that began to take digits@2 were gone 5 min later, against 0 of 60 devices not told"
        )
        assert next(f for f in said.findings if f.metric == "failures").devices_canary == 12


def test_devices_that_change_model_on_their_own_are_compared_on_neither(either_store: Store) -> None:
    other = "sha256:" + "3" * 64
    with either_store.writing() as connection:
        rollout = StoredRollout(connection, ONE_LOOK)
        fill(rollout)
        rollout.control(["stray"])
        rollout.said(["stray"], TOLD_S - LOOK_S, COMMITTED_S, DIGEST)
        rollout.said(["stray"], COMMITTED_S, DUE_S, other, ms=999.0)
        rollout.control(["eager"], digest=NEW)
        rollout.said(["eager"], TOLD_S - LOOK_S, DUE_S, NEW)
        rollout.canaries(["backed"])
        rollout.said(["backed"], TOLD_S - LOOK_S, DUE_S, DIGEST)
        assert found(verdict(connection, rollout.id, DUE_S), "latency") == (12, 60)


def test_a_wrong_clock_silence_and_rubbish_leave_the_rest_comparable(either_store: Store) -> None:
    with either_store.writing() as connection:
        rollout = StoredRollout(connection, ONE_LOOK)
        fill(rollout)
        rollout.canaries(["from-1970", "from-2099", "mute"])
        rollout.said(["from-1970"], 0.0, 900.0, NEW)
        rollout.said(["from-2099"], 4.0e9, 4.0e9 + 900, NEW)
        for name in (CONTROL[0], CANARIES[0]):
            for body in ("{}", "not JSON", '{"digest":7}'):
                rollout.stored(name, COMMITTED_S + 100 + len(body), body)
        said = verdict(connection, rollout.id, DUE_S)
        assert not said.halt
        assert found(said, "latency") == (12, 60)


def test_a_fast_clock_does_not_pass_old_readings_for_new_ones(either_store: Store) -> None:
    with either_store.writing() as connection:
        rollout = StoredRollout(connection, ONE_LOOK)
        fill(rollout, ms=15.0)
        ahead = names("ahead", 10)
        rollout.canaries(ahead)
        rollout.said(ahead, TOLD_S - LOOK_S, COMMITTED_S + 120, DIGEST)
        rollout.said(ahead, COMMITTED_S + 120, DUE_S + 120, NEW, ms=15.0)
        said = verdict(connection, rollout.id, DUE_S)
        assert (said.cause, found(said, "latency")) == ("latency", (22, 60))
        assert said.findings[0].canary == pytest.approx(0.5, abs=0.03)


def test_without_control_nothing_is_compared_and_pending_ends(either_store: Store) -> None:
    with either_store.writing() as connection:
        rollout = StoredRollout(connection, ONE_LOOK)
        rollout.canaries(CANARIES)
        rollout.said(CANARIES, TOLD_S - LOOK_S, TOLD_S, DIGEST)
        rollout.said(CANARIES, COMMITTED_S, DUE_S, NEW, ms=99.0)
        said = verdict(connection, rollout.id, DUE_S)
        assert (said.halt, said.pending) == (False, 0)
        assert found(said, "latency") == (0, 0)


def test_switches_of_several_minutes_are_heard_one_minute_a_look(either_store: Store) -> None:
    with either_store.writing() as connection:
        rollout = StoredRollout(connection, ONE_LOOK)
        fill(rollout)
        late = tables.ASSIGNMENTS.c.device.in_(CANARIES[6:])
        connection.execute(tables.ASSIGNMENTS.update().where(late).values(updated_s=COMMITTED_S + 120))
        heard = [found(verdict(connection, rollout.id, DUE_S + 120 + 10 * n), "latency")[0] for n in range(3)]
        assert heard == [6, 12, 12]


def test_an_unknown_rollout_is_told_and_one_without_settings_is_judged_by_the_defaults(either_store: Store) -> None:
    with either_store.writing() as connection:
        with pytest.raises(NotFoundError, match="no rollout 77"):
            verdict(connection, 77, TOLD_S)
        rollout = StoredRollout(connection)
        connection.execute(tables.ROLLOUTS.update().values(limits="{}"))
        rollout.canaries(CANARIES, "refused")
        assert verdict(connection, rollout.id, TOLD_S).cause == "failures"


def test_settings_come_with_the_order_and_stay_off_devices(store: Store) -> None:
    with store.writing() as connection:
        rollout = StoredRollout(connection, Judging(failures=None, silence=None))
        rollout.canaries(CANARIES, "refused")
        assert verdict(connection, rollout.id, TOLD_S) == Verdict(halt=False, detail="nothing to compare yet")
    assert not hasattr(HealthLimits(judging=Judging(alpha=0.1)).for_device(), "judging")


def test_importing_the_judge_imports_no_library_of_weight() -> None:
    code = "import sys, fleet.judging; print([m for m in ('numpy', 'sqlalchemy', 'pydantic') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
