"""Random lives of rollouts: what the fleet believes of its devices is, once all is at rest, what they are.

Devices (`modelled_devices.py`) walk, fail, die, fall silent, change by themselves and come back late; the broker delays
and repeats; the server (`modelled_server.py`: the real store and conductor) loses power, and its clock jumps; people
order, pause, stop and take back. `EDGEFERRY_EXAMPLES` makes more of such lives.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contract import dsse
from contract.errors import ConfigError
from contract.messages import decode_assignment
from contract.topics import parse
from fleet.answers import RolloutOrder
from fleet.refusals import ConflictError
from fleet.rolling import groups
from fleet.rolling.answers import GroupOrder
from fleet.rolling.choosing import OPEN
from tests.fleet import rollout_truths as truths
from tests.fleet.modelled_devices import ModelledBroker, ModelledDevice
from tests.fleet.modelled_server import ModelledServer, Moment, Releases

EXAMPLES = int(os.environ.get("EDGEFERRY_EXAMPLES", "60"))
STEPS = 40
KINDS = {"a": "rpi4", "b": "rpi4", "c": "rpi5", "d": "rpi4"}
NAMES = st.sampled_from(["a", "a", "b", "c", "d"])  # much must happen to one of them
EVERYTHING = 1000
MOST_ROUNDS = 80
ORDERS = st.fixed_dictionaries(
    {
        "release": st.sampled_from(["digits@2", "digits@3", "digits@2", "digits@3", "digits@1"]),
        "catch_up_days": st.sampled_from([0.0, 0.01]),
        "phases": st.sampled_from([("all",), ("all",), ("1", "50%", "all"), ("2", "2/min"), ("1", "1/min*2..4")]),
        "max_failures": st.sampled_from(["0", "1", "50%", "100%"]),
        "min_finished": st.sampled_from([1, 3]),
        "soak_minutes": st.sampled_from([0.0, 0.0, 5.0]),
        "needs_approval": st.sampled_from([False, False, False, True]),
        "control_share": st.sampled_from([0.0, 0.0, 0.5]),
        "state_minutes": st.sampled_from([{}, {"downloading": 5.0}]),
    }
)
WHOM = st.sampled_from(
    [{}, {}, {}, {"devices": ("a", "b")}, {"group": "fours"}, {"where": "profile=rpi5"}, {"dynamic": True}]
)
ACTS = {
    "unapproved": ("approve", "approve", "abort"),
    "running": ("abort", "pause", "roll_back"),
    "scheduled": ("abort", "pause"),
    "paused": ("resume", "resume", "abort", "roll_back"),
    "halted": ("roll_back",),
    "done": ("roll_back",),
}


@functools.cache
def released() -> Releases:
    """Made once for all lives."""
    return Releases()


class Rollouts(RuleBasedStateMachine):
    """One fleet of four devices of two kinds; rollouts come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.broker, releases = ModelledBroker(), released()
        self.server = ModelledServer(releases.copied(Path(self.folder.name)), self.broker, self.told)
        with self.server.store.writing() as connection:
            groups.create(connection, GroupOrder(name="fours", filter="profile=rpi4"), self.server.now_s)
        self.devices = {
            name: ModelledDevice(name, profile, self.broker, releases.names, releases.digests[1, profile])
            for name, profile in KINDS.items()
        }
        self.said: dict[str, int] = {}
        """The newest counter each device was told by the broker."""
        self.counters: dict[str, int] = {}
        self.since_rest = 0
        self.deliver_all()

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.come_to_rest()
        finally:
            self.server.close()
            self.folder.cleanup()

    # people

    @initialize(order=ORDERS, whom=WHOM)
    def order_first(self, order: dict[str, object], whom: dict[str, object]) -> None:
        self.order(order, whom, instead=False, at_once=True)

    @rule(order=ORDERS, whom=WHOM, instead=st.booleans(), at_once=st.booleans())
    def order(self, order: dict[str, object], whom: dict[str, object], instead: bool, at_once: bool) -> None:
        """Another rollout, perhaps instead of what is open, while devices are still on their way."""
        if instead:
            for number in self.open_rollouts():
                self.server.conductor.abort(number)
        with contextlib.suppress(ConflictError, ConfigError):
            self.server.conductor.create(RolloutOrder.model_validate({**order, **whom}))
        if at_once:
            self.tick(1.0, None)

    @rule(which=st.integers(0, 3), back=st.sampled_from([0, 0, 1, 2]))
    def act(self, which: int, back: int) -> None:
        """What may be done with one of the newest."""
        states = sorted({(row.rollout, row.of) for row in self.rows().values()}, reverse=True)
        if not states:
            return
        number, state = states[back % len(states)]
        with contextlib.suppress(ConflictError):
            getattr(self.server.conductor, ACTS[state][which % len(ACTS[state])])(number)

    # the server

    @rule(
        by_s=st.sampled_from([0.0, 1.0, 63.0, 400.0, 2000.0, -50.0, -5000.0, -300_000.0, 100_000.0]),
        publications=st.sampled_from([None, None, None, 0, 1, 2]),
    )
    def tick(self, by_s: float, publications: int | None) -> None:
        self.pass_time(by_s)
        before = self.rows()
        finished = self.server.tick(publications)
        after = self.rows()
        if finished:
            truths.nobody_is_late(after.values(), self.server.now_s)
            truths.too_many_failures_have_halted(after.values())
        truths.a_wave_waits_for_the_one_before(before, after)

    @rule(
        name=NAMES,
        most=st.sampled_from([1, 2, 3, EVERYTHING]),
        again=st.integers(0, 4),
        power_goes=st.sampled_from([None, None, "before the commit", "after the commit"]),
    )
    def deliver(self, name: str, most: int, again: int, power_goes: Moment | None) -> None:
        """Some of what waits; at least once means that what was delivered may come again."""
        self.broker.repeat(name, again)
        self.server.hear(self.broker.take(name, most), power_goes)

    @rule()
    def restart(self) -> None:
        """As quickly as the broker needs to keep what comes meanwhile."""
        self.server.restart(lost=False)

    def deliver_all(self) -> None:
        for name, device in self.devices.items():
            device.listen()
            self.server.hear(self.broker.take(name, EVERYTHING))
            device.listen()

    # the devices

    @rule(name=NAMES, steps=st.sampled_from([1, 2, 3, 6, 10, 10]))
    def work(self, name: str, steps: int) -> None:
        device = self.devices[name]
        device.listen()
        for _ in range(steps):
            device.work()

    def all_work(self, steps: int) -> None:
        for name in self.devices:
            self.work(name, steps)

    @rule(steps=st.sampled_from([2, 4, 9]), rounds=st.integers(1, 3))
    def go_on(self, steps: int, rounds: int) -> None:
        """Nothing unusual happens for a while."""
        for _ in range(rounds):
            self.tick(1.0, None)
            self.deliver_all()
            self.all_work(steps)
            self.deliver_all()

    @rule(name=NAMES, which=st.integers(0, 6))
    def suffer(self, name: str, which: int) -> None:
        """One of what can happen to a device as it is."""
        mishaps = self.devices[name].mishaps()
        mishaps[which % len(mishaps)]()

    @rule()
    def rest(self) -> None:
        """Not more often: it takes a while."""
        if self.since_rest > STEPS // 3:
            self.come_to_rest()

    # what holds

    def come_to_rest(self) -> None:
        """Everybody is there and finishes, everything is delivered: the fleet's view is the truth."""
        for _ in range(MOST_ROUNDS):
            self.everybody_finishes()
            self.tick(61.7, None)
            if self.quiet():
                break
        self.since_rest = 0
        rows = self.rows().values()
        for row in rows:
            event(f"a rollout is {row.of}, a device in it {row.state}")
        truths.every_rollout_is_at_rest(rows)
        with self.server.store.reading() as connection:
            for device in self.devices.values():
                truths.the_fleet_knows(connection, device)

    @invariant()
    def nobody_is_in_two_open_rollouts_and_counters_only_grow(self) -> None:
        self.since_rest += 1
        rows = self.rows().values()
        truths.nobody_is_in_two_open_rollouts(rows)
        truths.no_more_are_touched_than_the_waves_allow(rows)
        for name, device in self.devices.items():
            told = max((row.counter or 0 for row in rows if row.device == name), default=0)
            assert told >= max(self.counters.get(name, 0), device.progress.accepted, self.said.get(name, 0))
            self.counters[name] = told

    def told(self, text: str, payload: bytes) -> None:
        """An assignment leaves the server: newer than the last, and not new where its rollout has been halted."""
        if not payload:
            return
        envelope = dsse.parse_envelope(payload, where=text)
        counter = decode_assignment(dsse.payload_of(envelope, where=text), where=text).counter
        device = parse(text).device
        assert counter >= self.said.get(device, 0), f"{device} is told {counter} after {self.said[device]}"
        if counter > self.said.get(device, 0):
            of = next(row.of for row in self.rows().values() if (row.device, row.counter) == (device, counter))
            assert of != "halted", f"{device} is told {counter} by a halted rollout"
        self.said[device] = counter

    def everybody_finishes(self) -> None:
        for device in self.devices.values():
            device.come_back()
        for _ in range(MOST_ROUNDS):
            self.deliver_all()
            for device in self.devices.values():
                device.work()
            if self.broker.empty and not any(device.busy for device in self.devices.values()):
                return
        raise AssertionError("the devices do not come to rest")

    def quiet(self) -> bool:
        delivered = self.broker.empty and not any(d.outbox.waiting for d in self.devices.values())
        return delivered and all(row.of in truths.AT_REST for row in self.rows().values())

    def pass_time(self, by_s: float) -> None:
        """The server's clock may jump back; that of a device's outbox counts on."""
        self.server.now_s = max(1000.0, self.server.now_s + by_s)
        for device in self.devices.values():
            device.steady_s += abs(by_s)

    def open_rollouts(self) -> list[int]:
        return sorted({row.rollout for row in self.rows().values() if row.of in OPEN})

    def rows(self) -> truths.Rows:
        with self.server.store.reading() as connection:
            return truths.rows_of(connection)


TestRollouts = Rollouts.TestCase
TestRollouts.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
