"""Rollouts in the store, moved by what devices report."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.codec import to_json
from contract.errors import ConfigError
from contract.messages import Birth, Presence, Reported
from contract.states import Cause, State
from contract.topics import Topic
from fleet import rollouts
from fleet.answers import Rollout, RolloutOrder
from fleet.arrivals import Arrival
from fleet.ingest import record
from fleet.refusals import ConflictError, NotFoundError
from fleet.repository import Repository
from fleet.store import Store
from fleet.target_states import Report, apply_reports, expire
from tests.fleet.parcel import bundle_bytes
from tests.fleet.simulated import DIGEST, FLEET

ORDER = RolloutOrder(release="digits@2")


class Yard:
    """Three devices of two kinds and a release for one of them; time is whatever a test says."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.store, self.now_s = store, 1000.0
        repository = Repository(folder / "repository", store, None)
        with repository.incoming() as (file, path):
            file.write(bundle_bytes("rpi4"))
            file.flush()
            self.digest = repository.adopt(path, where="test").digest
        for name, profile in (("a", "rpi4"), ("b", "rpi4"), ("c", "jetson-nano")):
            self.hear(name, Presence(boot=name, online=True))
            self.hear(name, self.birth(name, profile))

    def birth(self, name: str, profile: str) -> Birth:
        return Birth(
            at="2026-01-01T00:00:00Z",
            boot=name,
            profile=profile,
            edgeferry="0.1.0",
            python="3.11.7",
            backend="ai-edge-litert 2.3.0",
            model="digits@1",
            digest=DIGEST,
        )

    def hear(self, name: str, message: Birth | Presence) -> None:
        with self.store.writing() as connection:
            record(connection, [Arrival(Topic(FLEET, name, "birth"), message, to_json(message), self.now_s)])

    def order(self, order: RolloutOrder = ORDER) -> Rollout:
        with self.store.writing() as connection:
            return rollouts.show(connection, rollouts.create(connection, order, self.now_s))

    def advance(self, rollout: int, *, by_s: float = 0.0) -> Rollout:
        self.now_s += by_s
        with self.store.writing() as connection:
            expire(connection, self.now_s)
            rollouts.advance(connection, rollout, self.now_s)
            return rollouts.show(connection, rollout)

    def report(self, rollout: Rollout, name: str, state: State, cause: Cause | None = None, detail: str = "") -> None:
        with self.store.writing() as connection:
            apply_reports(connection, [self.step(rollout, name, state, cause, detail)])

    def step(self, rollout: Rollout, name: str, state: State, cause: Cause | None = None, detail: str = "") -> Report:
        counter = next(target.counter for target in rollout.devices if target.device == name)
        assert counter is not None
        step = Reported(
            sequence=1,
            at="2026-01-01T00:00:00Z",
            counter=counter,
            state=state,
            digest=self.digest,
            running="digits@1",
            running_digest=None,
            cause=cause,
            detail=detail,
        )
        return Report(name, step, self.now_s)


@pytest.fixture
def yard(tmp_path: Path, either_store: Store) -> Yard:
    return Yard(tmp_path, either_store)


def states(rollout: Rollout) -> dict[str, str]:
    return {target.device: target.state for target in rollout.devices}


def test_a_new_rollout_tells_nobody_and_names_who_cannot_take_part(yard: Yard) -> None:
    made = yard.order()
    assert states(made) == {"a": "waiting", "b": "waiting", "c": "blocked"}
    assert next(t for t in made.devices if t.device == "c").detail == "no bundle for profile jetson-nano"


def test_waves_follow_each_other_to_the_end(yard: Yard) -> None:
    rollout = yard.order().id
    first = yard.advance(rollout)
    assert states(first) == {"a": "assigned", "b": "waiting", "c": "blocked"}
    yard.report(first, "a", "provisional")
    assert states(yard.advance(rollout)) == {"a": "provisional", "b": "waiting", "c": "blocked"}
    yard.report(first, "a", "committed")
    second = yard.advance(rollout)
    assert states(second)["b"] == "assigned"
    yard.report(second, "b", "committed")
    assert yard.advance(rollout).state == "done"


def test_a_device_that_goes_back_halts_the_rollout_with_its_cause(yard: Yard) -> None:
    rollout = yard.order().id
    yard.report(yard.advance(rollout), "a", "rolled-back", "confidence", "mean 0.31 is below 0.60")
    halted = yard.advance(rollout)
    assert (halted.state, halted.cause) == ("halted", "confidence")
    assert halted.detail == "a rolled-back: mean 0.31 is below 0.60"
    assert states(halted)["b"] == "waiting"


def test_silence_past_the_deadline_halts_the_rollout(yard: Yard) -> None:
    rollout = yard.order().id
    yard.report(yard.advance(rollout), "a", "downloading")
    assert yard.advance(rollout, by_s=30 * 60 - 1).state == "running"
    halted = yard.advance(rollout, by_s=2)
    assert (halted.state, halted.cause) == ("halted", "silence")
    assert "last state: downloading" in halted.detail


def test_late_news_after_silence_is_kept_and_last_words_are_final(yard: Yard) -> None:
    rollout = yard.order().id
    told = yard.advance(rollout)
    yard.advance(rollout, by_s=31 * 60)
    yard.report(told, "a", "committed")
    assert states(yard.advance(rollout))["a"] == "committed"
    yard.report(told, "a", "downloading")
    assert states(yard.advance(rollout))["a"] == "committed"


def test_a_committed_model_that_was_taken_back_after_all_is_a_failure(yard: Yard) -> None:
    rollout = yard.order().id
    told = yard.advance(rollout)
    yard.report(told, "a", "committed")
    yard.report(told, "a", "rolled-back", "crash", "its processes died again and again")
    halted = yard.advance(rollout)
    assert (halted.state, halted.cause, states(halted)) == ("halted", "crash", {**states(told), "a": "rolled-back"})
    yard.report(told, "a", "committed")
    assert states(yard.advance(rollout))["a"] == "rolled-back"


def test_many_reports_at_once_count_in_their_order_and_nothing_follows_last_words(yard: Yard) -> None:
    rollout = yard.order(RolloutOrder(release="digits@2", phases=("all",))).id
    told = yard.advance(rollout)
    said: list[tuple[str, State]] = [("a", "staging"), ("b", "downloading"), ("a", "committed"), ("a", "downloading")]
    with yard.store.writing() as connection:
        apply_reports(connection, [yard.step(told, name, state) for name, state in said])
    with yard.store.reading() as connection:
        assert states(rollouts.show(connection, rollout)) == {"a": "committed", "b": "downloading", "c": "blocked"}


def test_counters_grow_for_each_device_and_never_begin_below_the_clock(yard: Yard) -> None:
    first = yard.advance(yard.order().id)
    counter = next(t.counter for t in first.devices if t.device == "a")
    assert counter == 1000
    yard.report(first, "a", "refused", "disk")
    yard.advance(first.id)
    second = yard.advance(yard.order().id)
    assert next(t.counter for t in second.devices if t.device == "a") == 1001


def test_a_stopped_rollout_withdraws_the_unfinished_and_keeps_the_finished(yard: Yard) -> None:
    rollout = yard.order(RolloutOrder(release="digits@2", phases=("all",))).id
    yard.report(yard.advance(rollout), "a", "committed")
    with yard.store.writing() as connection:
        assert rollouts.abort(connection, rollout, yard.now_s) == ["b"]
        stopped = rollouts.show(connection, rollout)
    assert (stopped.state, stopped.cause) == ("halted", "aborted")
    assert states(stopped) == {"a": "committed", "b": "withdrawn", "c": "blocked"}
    with yard.store.writing() as connection, pytest.raises(ConflictError, match="halted already"):
        rollouts.abort(connection, rollout, yard.now_s)


def test_no_device_is_in_two_rollouts_at_once(yard: Yard) -> None:
    yard.order(RolloutOrder(release="digits@2", devices=("a",)))
    with pytest.raises(ConflictError, match="a is still on its way in rollout 1"):
        yard.order()
    yard.order(RolloutOrder(release="digits@2", devices=("b",)))


def test_orders_that_lead_nowhere_are_refused(yard: Yard) -> None:
    with pytest.raises(NotFoundError, match="no release digits@9"):
        yard.order(RolloutOrder(release="digits@9"))
    with pytest.raises(NotFoundError, match="no device 'z'"):
        yard.order(RolloutOrder(release="digits@2", devices=("z",)))
    with pytest.raises(ConfigError, match="c: no bundle for profile jetson-nano"):
        yard.order(RolloutOrder(release="digits@2", devices=("c",)))
    with pytest.raises(ConfigError, match="NAME@VERSION"):
        yard.order(RolloutOrder(release="digits"))
    with yard.store.reading() as connection:
        assert rollouts.list_rollouts(connection) == ()
