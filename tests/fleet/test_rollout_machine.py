"""Random lives of rollouts on the real store: reports late, twice and out of order, presence, pauses, aborts, time.

The device is modelled by what an assignment means to it: it takes the highest counter it has heard and reports on that.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from contract.messages import Presence
from contract.states import State
from fleet import rollouts, tables
from fleet.answers import RolloutOrder
from fleet.refusals import ConflictError
from fleet.rolling import deadlines
from fleet.rolling.choosing import OPEN
from fleet.store import open_store
from fleet.target_states import UNDER_WAY, UNFINISHED
from tests.fleet.simulated import FLEET
from tests.fleet.test_rollouts import Yard

NAMES = st.sampled_from(["a", "b"])
STATES: list[State] = ["downloading", "provisional", "committed", "refused", "rolled-back"]


class Rollouts(RuleBasedStateMachine):
    """One fleet of three devices; rollouts come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.url = f"sqlite:///{Path(self.folder.name) / 'fleet.db'}"
        self.yard = Yard(Path(self.folder.name), open_store(self.url, fleet=FLEET))
        self.counters: dict[str, int] = {}
        self.halted_told: dict[int, int] = {}

    def teardown(self) -> None:
        self.yard.store.close()
        self.folder.cleanup()

    @rule(max_failures=st.sampled_from(["0", "1", "50%"]), soak=st.sampled_from([0.0, 5.0]))
    def order(self, max_failures: str, soak: float) -> None:
        with contextlib.suppress(ConflictError):
            self.yard.order(RolloutOrder(release="digits@2", max_failures=max_failures, soak_minutes=soak))

    @rule(by_s=st.sampled_from([0.0, 1.0, 400.0, 2000.0, -50.0, 700_000.0]))
    def tick(self, by_s: float) -> None:
        self.yard.now_s = max(1000.0, self.yard.now_s + by_s)
        with self.yard.store.writing() as connection:
            deadlines.expire(connection, self.yard.now_s)
            for number in rollouts.running(connection):
                rollouts.advance(connection, number, self.yard.now_s)
            late = tables.ASSIGNMENTS.c.state.in_(UNDER_WAY) & (tables.ASSIGNMENTS.c.deadline_s < self.yard.now_s)
            assert connection.scalar(sa.select(sa.func.count()).where(late)) == 0

    @rule(name=NAMES, online=st.booleans())
    def presence(self, name: str, online: bool) -> None:
        self.yard.hear(name, Presence(boot=name, online=online))

    @rule(name=NAMES, state=st.sampled_from(STATES), times=st.integers(1, 2))
    def report(self, name: str, state: State, times: int) -> None:
        with self.yard.store.reading() as connection:
            told = [rollouts.show(connection, summary.id) for summary in rollouts.list_rollouts(connection)]
        for rollout in told[:1]:
            if any(t.device == name and t.counter is not None for t in rollout.devices):
                for _ in range(times):
                    self.yard.report(rollout, name, state)

    @rule(act=st.sampled_from(["pause", "resume", "abort"]))
    def act(self, act: str) -> None:
        with self.yard.store.writing() as connection:
            newest = connection.scalar(sa.select(sa.func.max(tables.ROLLOUTS.c.id)))
            try:
                if newest is not None:
                    getattr(rollouts, act)(connection, newest, self.yard.now_s)
            except ConflictError:
                pass

    @rule()
    def restart(self) -> None:
        self.yard.store.close()
        self.yard.store = open_store(self.url, fleet=FLEET)

    @invariant()
    def no_device_is_in_two_open_rollouts_and_counters_only_grow(self) -> None:
        table = tables.ASSIGNMENTS.c
        with self.yard.store.reading() as connection:
            rows = connection.execute(
                sa.select(table.device, table.counter, table.state, tables.ROLLOUTS.c.state.label("of")).join_from(
                    tables.ASSIGNMENTS, tables.ROLLOUTS
                )
            ).all()
        busy = [row.device for row in rows if row.of in OPEN and row.state in UNFINISHED]
        assert len(busy) == len(set(busy))
        for name in ("a", "b"):
            highest = max((row.counter or 0 for row in rows if row.device == name), default=0)
            assert highest >= self.counters.get(name, 0)
            self.counters[name] = highest

    @invariant()
    def nobody_is_told_by_a_halted_rollout(self) -> None:
        table = tables.ASSIGNMENTS.c
        with self.yard.store.reading() as connection:
            told = connection.execute(
                sa.select(table.rollout, sa.func.count(table.counter))
                .join_from(tables.ASSIGNMENTS, tables.ROLLOUTS)
                .where(tables.ROLLOUTS.c.state == "halted")
                .group_by(table.rollout)
            ).all()
        for rollout, count in told:
            assert self.halted_told.setdefault(rollout, count) == count


TestRollouts = Rollouts.TestCase
TestRollouts.settings = settings(max_examples=8, stateful_step_count=20, deadline=None)
