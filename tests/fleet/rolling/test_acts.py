"""Windows, approval, pauses, offline devices, failure shares, ways back and dry runs, on both stores."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from contract.errors import ConfigError
from contract.messages import Presence
from fleet import rollouts
from fleet.answers import Rollout, RolloutOrder
from fleet.refusals import ConflictError
from fleet.repository import Repository
from fleet.rolling import deadlines, groups, penalties
from fleet.rolling.answers import GroupOrder
from fleet.rolling.preview import preview
from fleet.rolling.way_back import roll_back
from fleet.store import Store
from tests.fleet.parcel import bundle_bytes
from tests.fleet.test_rollouts import Yard, states

ALL = ("all",)


@pytest.fixture
def yard(tmp_path: Path, either_store: Store) -> Yard:
    return Yard(tmp_path, either_store)


def order(**said: object) -> RolloutOrder:
    return RolloutOrder.model_validate({"release": "digits@2", **said})


def act(yard: Yard, name: str, rollout: int) -> Rollout:
    with yard.store.writing() as connection:
        getattr(rollouts, name)(connection, rollout, yard.now_s, "ann")
        return rollouts.show(connection, rollout)


def test_nobody_is_told_before_approval_and_who_approved_is_kept(yard: Yard) -> None:
    made = yard.order(order(needs_approval=True))
    assert yard.advance(made.id).state == made.state == "unapproved"
    act(yard, "approve", made.id)
    told = yard.advance(made.id)
    assert states(told)["a"] == "assigned"
    assert [(step.by, step.what) for step in told.steps][:2] == [("local", "created"), ("ann", "approved")]
    with pytest.raises(ConflictError, match="awaits no approval"):
        act(yard, "approve", made.id)


def test_a_paused_rollout_tells_nobody_and_devices_under_way_finish(yard: Yard) -> None:
    told = yard.advance(yard.order().id)
    act(yard, "pause", told.id)
    yard.report(told, "a", "committed")
    assert states(yard.advance(told.id)) == {"a": "committed", "b": "waiting", "c": "blocked"}
    act(yard, "resume", told.id)
    assert states(yard.advance(told.id))["b"] == "assigned"


def test_outside_its_window_a_rollout_is_scheduled(yard: Yard) -> None:
    made = yard.order(order(window="01:00-02:00"))
    assert (made.state, states(yard.advance(made.id))["a"]) == ("scheduled", "waiting")
    opened = yard.advance(made.id, by_s=3600)
    assert (opened.state, states(opened)["a"]) == ("running", "assigned")
    yard.report(opened, "a", "committed")
    assert yard.advance(made.id, by_s=3600).state == "scheduled"


def test_a_wave_soaks_before_the_next(yard: Yard) -> None:
    told = yard.advance(yard.order(order(soak_minutes=10)).id)
    yard.report(told, "a", "committed")
    assert states(yard.advance(told.id))["b"] == "waiting"
    assert states(yard.advance(told.id, by_s=599))["b"] == "waiting"
    assert states(yard.advance(told.id, by_s=2))["b"] == "assigned"


def test_an_offline_device_is_told_when_it_is_back_or_missed_in_the_end(yard: Yard) -> None:
    yard.hear("b", Presence(boot="b", online=False))
    told = yard.advance(yard.order(order(phases=ALL, catch_up_days=1)).id)
    assert states(told) == {"a": "assigned", "b": "away", "c": "blocked"}
    yard.report(told, "a", "committed")
    assert yard.advance(told.id).state == "running"
    yard.hear("b", Presence(boot="b", online=True))
    assert states(yard.advance(told.id))["b"] == "assigned"


def test_who_never_comes_back_is_missed_and_the_rollout_ends(yard: Yard) -> None:
    yard.hear("b", Presence(boot="b", online=False))
    told = yard.advance(yard.order(order(phases=ALL, catch_up_days=1)).id)
    yard.report(told, "a", "committed")
    ended = yard.advance(told.id, by_s=86401)
    assert (ended.state, states(ended)["b"]) == ("done", "missed")


def test_a_state_has_a_deadline_of_its_own(yard: Yard) -> None:
    told = yard.advance(yard.order(order(state_minutes={"downloading": 5})).id)
    yard.report(told, "a", "downloading")
    yard.now_s += 301
    with yard.store.writing() as connection:
        assert deadlines.expire(connection, yard.now_s) == 1
    assert yard.advance(told.id).cause == "silence"


def test_some_failures_may_be_allowed(yard: Yard) -> None:
    told = yard.advance(yard.order(order(max_failures="1")).id)
    yard.report(told, "a", "refused", "disk")
    second = yard.advance(told.id)
    assert states(second)["b"] == "assigned"
    yard.report(second, "b", "refused", "disk")
    assert yard.advance(told.id).detail.startswith("2 of 2 failed")


def test_a_way_back_needs_the_earlier_bundle(yard: Yard) -> None:
    told = yard.advance(yard.order(order(phases=ALL)).id)
    with yard.store.writing() as connection, pytest.raises(ConflictError, match="what a, b ran before is not in"):
        roll_back(connection, told.id, yard.now_s)
    assert yard.advance(told.id).state == "running"


def test_a_dry_run_says_who_gets_what_and_writes_nothing(yard: Yard) -> None:
    with yard.store.reading() as connection:
        said = preview(connection, order(soak_minutes=5), yard.now_s)
        assert rollouts.list_rollouts(connection) == ()
    assert [(w.devices, w.phase) for w in said.waves] == [(1, "1"), (1, "all")]
    assert said.blocked_counts == {"profile": 1}
    assert said.bytes == 2 * said.devices[0].bytes > 0
    assert said.minutes == pytest.approx(2 * 2.5 + 5)


def test_a_group_by_filter_and_what_is_refused(yard: Yard) -> None:
    with yard.store.writing() as connection:
        groups.create(connection, GroupOrder(name="pis", filter="profile=rpi* and not id=b"), yard.now_s)
        assert groups.show(connection, "pis").members == ("a",)
    assert states(yard.order(order(group="pis"))) == {"a": "waiting"}
    with pytest.raises(ConfigError, match="more than one"):
        yard.order(order(group="pis", where="id=a"))


def test_a_rate_paused_in_its_first_minute_goes_on_when_resumed(yard: Yard) -> None:
    rollout = yard.order(order(phases=("1/min",))).id
    assert states(yard.advance(rollout)) == {"a": "assigned", "b": "waiting", "c": "blocked"}
    act(yard, "pause", rollout)
    act(yard, "resume", rollout)
    assert states(yard.advance(rollout, by_s=1))["b"] == "waiting"
    assert states(yard.advance(rollout, by_s=59))["b"] == "waiting"
    assert states(yard.advance(rollout, by_s=2))["b"] == "assigned"


@pytest.mark.parametrize(("rate", "every_s"), [("1/min", 60.0), ("2/h", 1800.0)])
def test_a_slow_rate_goes_on_though_no_look_falls_on_the_very_second(yard: Yard, rate: str, every_s: float) -> None:
    rollout = yard.order(order(phases=(rate,))).id
    yard.report(yard.advance(rollout), "a", "committed")
    assert states(yard.advance(rollout, by_s=every_s - 0.3))["b"] == "waiting"
    assert states(yard.advance(rollout, by_s=1))["b"] == "assigned"


def test_a_dynamic_rollout_does_not_wait_for_a_clock_that_was_put_back(yard: Yard) -> None:
    rollout = yard.order(order(dynamic=True, catch_up_days=1, phases=ALL)).id
    told = yard.advance(rollout, by_s=5 * 86400)
    for name in ("a", "b"):
        yard.report(told, name, "committed")
        yard.hear(name, structs.replace(yard.birth(name, "rpi4"), digest=yard.digest))
    assert yard.advance(rollout).state == "running"
    yard.now_s -= 4.5 * 86400
    yard.hear("d", Presence(boot="d", online=True))
    yard.hear("d", yard.birth("d", "rpi4"))
    told = yard.advance(rollout)
    assert states(told)["d"] == "assigned"
    yard.report(told, "d", "committed")
    yard.hear("d", structs.replace(yard.birth("d", "rpi4"), digest=yard.digest))
    yard.advance(rollout)
    assert yard.advance(rollout, by_s=86401).state == "done"


def test_who_fails_three_times_a_day_is_boxed_until_released(yard: Yard) -> None:
    for _ in range(3):
        told = yard.advance(yard.order(order(devices=("a",))).id)
        yard.report(told, "a", "refused", "disk")
        yard.advance(told.id, by_s=1)
    with yard.store.writing() as connection:
        assert penalties.punish(connection, yard.now_s) == 1
    with pytest.raises(ConfigError, match="failed 3 updates"):
        yard.order(order(devices=("a",)))
    with yard.store.writing() as connection:
        penalties.release(connection, "a", yard.now_s)
        assert penalties.punish(connection, yard.now_s + 1) == 0
    assert states(yard.order(order(devices=("a",)))) == {"a": "waiting"}


def test_who_starts_ten_times_an_hour_is_boxed_and_who_wakes_now_and_then_is_not(yard: Yard) -> None:
    for number in range(11):
        yard.now_s += 300
        yard.hear("a", Presence(boot=f"a{number}", online=True))
        yard.hear("a", structs.replace(yard.birth("a", "rpi4"), boot=f"a{number}"))
        yard.hear("b", Presence(boot=f"b{number // 2}", online=True))
    with yard.store.writing() as connection:
        assert penalties.punish(connection, yard.now_s) == 1
        (boxed,) = penalties.list_penalties(connection, yard.now_s)
        assert (boxed.device, boxed.detail.split(" and ")[0]) == ("a", "it started 10 times within an hour")
        assert penalties.punish(connection, yard.now_s) == 0
        penalties.release(connection, "a", yard.now_s)
        assert penalties.punish(connection, yard.now_s + 1) == 0
    for number in range(10):
        yard.now_s += 500
        yard.hear("a", Presence(boot=f"again{number}", online=True))
    with yard.store.writing() as connection:
        assert penalties.punish(connection, yard.now_s) == 0


def test_everybody_touched_goes_back_to_what_it_ran_from_the_penalty_box_too(yard: Yard, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", yard.store, None)
    with repository.incoming() as (file, path):
        file.write(bundle_bytes("rpi4", version=1))
        file.flush()
        earlier = repository.adopt(path, where="test").digest
    for name in ("a", "b"):
        yard.hear(name, structs.replace(yard.birth(name, "rpi4"), digest=earlier))
    told = yard.advance(yard.order(order(phases=ALL)).id)
    yard.report(told, "a", "committed")
    yard.hear("a", structs.replace(yard.birth("a", "rpi4"), model="digits@2", digest=yard.digest))
    for number in range(11):
        yard.hear("a", Presence(boot=f"a{number}", online=True))
    with yard.store.writing() as connection:
        assert penalties.punish(connection, yard.now_s) == 1
        back = roll_back(connection, told.id, yard.now_s, "ann")
        assert rollouts.show(connection, told.id).cause == "aborted"
    going = yard.advance(back)
    assert (going.release, going.back_of, going.created_by) == ("digits@1", told.id, "ann")
    assert {t.device: (t.state, t.digest) for t in going.devices} == {
        "a": ("assigned", earlier),
        "b": ("committed", earlier),
    }
