"""Whole looks at a real store: what becomes an alert, what is told, and who may look."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from contract.codec import to_json
from contract.messages import Birth, FrameLedger
from contract.moments import rfc3339
from fleet import tables
from fleet.alerts import open_alerts, silences, tallies
from fleet.alerts.answers import SilenceOrder
from fleet.alerts.listing import list_alerts
from fleet.alerts.settings import AlertSettings, BrokerGone, Offline, Quarantine, Webhook
from fleet.alerts.watchman import Watchman
from fleet.store import Store
from tests.fleet.simulated import DIGEST, FLEET, reading

START_S = 1_700_000_000.0
HOOK = Webhook(name="ops", url="http://127.0.0.1:9/")
SETTINGS = AlertSettings(
    group_wait_s=10,
    group_interval_s=60,
    quiet_s=600,
    offline=Offline(after_s=30, clear_s=20),
    broker=BrokerGone(after_s=20, clear_s=10, settle_s=0),
    webhook=(HOOK,),
)


@dataclass
class World:
    """A store whose clock is turned by hand, and the watchman who looks at it."""

    store: Store
    now_s: float = START_S
    connected: bool = True
    expiries_s: dict[str, float] = field(default_factory=dict)
    settings: AlertSettings = SETTINGS

    def __post_init__(self) -> None:
        self.watchman = self.another()

    def another(self) -> Watchman:
        return Watchman(
            FLEET,
            self.store,
            self.settings,
            connected=lambda: self.connected,
            expiries_s=lambda: self.expiries_s,
            url="http://fleet.example",
        )

    def add(self, names: Sequence[str], *, site: str = "dock") -> None:
        birth = Birth(
            at=rfc3339(self.now_s),
            boot="b",
            profile="rpi4",
            edgeferry="0",
            python="3",
            backend="x",
            model="digits@1",
            digest=DIGEST,
            site=site,
            tags={"floor": "2"},
        )
        rows = [
            {
                "device": name,
                "boot": "b",
                "online": True,
                "birth": to_json(birth).decode(),
                "model": "digits@1",
                "first_seen_s": self.now_s,
                "last_seen_s": self.now_s,
            }
            for name in names
        ]
        with self.store.writing() as connection:
            connection.execute(tables.DEVICES.insert(), rows)

    def change(self, names: Sequence[str], **values: Any) -> None:
        with self.store.writing() as connection:
            connection.execute(tables.DEVICES.update().where(tables.DEVICES.c.device.in_(names)).values(values))

    def read(self, name: str, sequence: int, boot: str = "b", **said: object) -> None:
        body = to_json(msgspec.structs.replace(reading(sequence), **said)).decode()
        self.change([name], latest=body, latest_boot=boot, latest_sequence=sequence, last_seen_s=self.now_s)

    def pass_(self, seconds: float, every_s: float = 5.0) -> None:
        """Look every so often for so long; devices that are online say something meanwhile."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += every_s
            with self.store.writing() as connection:
                online = tables.DEVICES.c.online
                connection.execute(tables.DEVICES.update().where(online).values(last_seen_s=self.now_s))
            assert self.watchman.look(self.now_s)

    def texts(self) -> list[str]:
        """Every message so far."""
        with self.store.reading() as connection:
            bodies = connection.scalars(sa.select(tables.NOTIFICATIONS.c.body).order_by(tables.NOTIFICATIONS.c.id))
            return [f"{notice['state']} {notice['text']}" for notice in map(json.loads, bodies)]

    def open(self) -> list[tuple[str, str]]:
        with self.store.reading() as connection:
            return [(alert.kind, alert.subject) for alert in open_alerts(connection)]


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


@pytest.fixture
def either_world(either_store: Store) -> World:
    return World(either_store)


def names(count: int, prefix: str = "cam") -> list[str]:
    return [f"{prefix}-{n:04}" for n in range(count)]


def test_one_device_goes_and_comes_back(either_world: World) -> None:
    world = either_world
    world.add(["cam-7", "cam-8"])
    world.pass_(20)
    world.change(["cam-7"], online=False)
    world.pass_(30)
    assert world.open() == []
    world.pass_(5)
    assert world.open() == [("offline", "cam-7")]
    assert world.texts() == []
    world.pass_(15)
    assert world.texts() == ["open cam-7 at dock: offline"]
    world.change(["cam-7"], online=True)
    world.pass_(45)
    assert world.open() == []
    assert world.texts() == ["open cam-7 at dock: offline", "ended over: cam-7 at dock: offline"]
    with world.store.reading() as connection:
        (ended,) = list_alerts(connection, is_open=False)
        assert (ended.device, ended.site, ended.severity, ended.returns) == ("cam-7", "dock", "critical", 0)
        assert ended.since == rfc3339(START_S + 25)
        assert ended.ended is not None


def test_a_whole_site_is_one_message(either_world: World) -> None:
    world = either_world
    world.add(names(212))
    world.add(names(30, "gate"), site="gate")
    world.pass_(10)
    world.change(names(212), online=False)
    world.pass_(120)
    assert world.texts() == ["open 212 devices of site dock offline"]
    world.change(names(30, "gate"), online=False)
    world.change(names(212), online=True)
    world.pass_(180)
    assert world.texts()[1:] == [
        "ended 212 devices of site dock no longer offline",
        "open 30 devices of site gate offline",
    ]


def test_several_sites_are_counted_in_one_sentence(world: World) -> None:
    world.add(names(3), site="dock")
    world.add(names(2, "gate"), site="")
    world.change(names(3) + names(2, "gate"), online=False)
    world.pass_(60)
    assert world.texts() == ["open 5 devices offline: 3 of dock, 2 of no site"]


def test_without_a_broker_nobody_is_offline_and_one_message_says_so(world: World) -> None:
    world.settings = msgspec.structs.replace(SETTINGS, broker=BrokerGone(after_s=20, clear_s=10, settle_s=60))
    world.watchman = world.another()
    world.add(names(50))
    world.pass_(70)
    world.connected = False
    world.change(names(50), online=False)
    world.pass_(120)
    assert world.texts() == ["open broker: the server has lost its broker"]
    world.connected = True
    world.pass_(50)
    assert world.open() == []
    world.change(names(49), online=True)
    world.pass_(60)
    assert world.open() == [("offline", "cam-0049")]


def test_what_flaps_is_told_once_and_in_the_end_as_it_is(world: World) -> None:
    world.add(["cam-7"])
    for _ in range(6):
        world.change(["cam-7"], online=False)
        world.pass_(50)
        world.change(["cam-7"], online=True)
        world.pass_(40)
    assert world.texts() == ["open cam-7 at dock: offline", "ended over: cam-7 at dock: offline"]
    world.change(["cam-7"], online=False)
    world.pass_(700)
    assert world.texts()[2:] == ["open cam-7 at dock: offline"]
    with world.store.reading() as connection:
        (alert,) = list_alerts(connection, is_open=None)
        assert alert.returns == 6


@pytest.mark.parametrize(
    "order",
    [
        {"device": "cam-*"},
        {"site": "dock"},
        {"kind": "offline", "profile": "rpi4"},
        {"tag": "floor=2"},
    ],
)
def test_who_is_silenced_is_told_only_afterwards(store: Store, order: dict[str, str]) -> None:
    world = World(store)
    world.add(["cam-7"])
    with store.writing() as connection:
        made = silences.make(
            connection, SilenceOrder.model_validate({"minutes": 5, "why": "wiring"} | order), "ann", world.now_s
        )
    assert (made.made_by, made.why) == ("ann", "wiring")
    world.change(["cam-7"], online=False)
    world.pass_(200)
    assert world.texts() == []
    with store.reading() as connection:
        (alert,) = list_alerts(connection, is_open=True, now_s=world.now_s)
        assert alert.silenced_until == made.until
    world.pass_(110)
    assert world.texts() == ["open cam-7 at dock: offline"]


@pytest.mark.parametrize("order", [{"device": "gate-*"}, {"site": "gate"}, {"kind": "heat"}, {"tag": "floor=3"}])
def test_a_silence_of_something_else_silences_nothing(store: Store, order: dict[str, str]) -> None:
    world = World(store)
    world.add(["cam-7"])
    with store.writing() as connection:
        silences.make(
            connection, SilenceOrder.model_validate({"minutes": 5, "why": "wiring"} | order), "ann", world.now_s
        )
    world.change(["cam-7"], online=False)
    world.pass_(60)
    assert world.texts() == ["open cam-7 at dock: offline"]


def test_a_silent_connected_device_is_as_good_as_offline(world: World) -> None:
    world.add(["cam-7"])
    world.watchman.look(world.now_s)
    world.now_s += 1000
    world.watchman.look(world.now_s)
    with world.store.reading() as connection:
        (alert,) = list_alerts(connection, is_open=True)
        assert alert.words == "connected, and silent for 17 min"


def test_readings_become_alerts_with_their_words(world: World) -> None:
    world.add(["cam-7"])
    for n in range(1, 5):
        world.read("cam-7", n, temperature_c=86.0)
        world.pass_(5)
        world.pass_(5)
        assert (world.open() == [("heat", "cam-7")]) == (n >= 3), "the same reading must not count twice"
    for n in range(5, 11):
        world.read("cam-7", n, temperature_c=60.0)
        world.pass_(5)
    assert world.open() == []
    with world.store.reading() as connection:
        assert list_alerts(connection, is_open=False)[0].words == "86 °C"


def test_the_first_restarts_of_a_healthy_device_count(world: World) -> None:
    world.add(["cam-7"])
    world.read("cam-7", 1)
    world.pass_(5)
    world.read("cam-7", 2, restarts={"crash": 3})
    world.pass_(5)
    assert world.open() == [("restarts", "cam-7")]
    world.read("cam-7", 3, restarts={"crash": 3})
    world.pass_(5)
    assert world.open() == [("restarts", "cam-7")]
    world.now_s += 3600
    world.read("cam-7", 4, restarts={"crash": 3})
    world.pass_(5)
    assert world.open() == []


def test_another_watchman_takes_over_with_what_is_open_and_tells_nothing_twice(either_world: World) -> None:
    world = either_world
    world.add(["cam-7"])
    world.change(["cam-7"], online=False)
    world.pass_(60)
    first, second = world.watchman, world.another()
    assert not second.look(world.now_s)
    world.now_s += 31
    assert second.look(world.now_s)
    assert not first.look(world.now_s)
    world.watchman = second
    world.pass_(60)
    assert world.open() == [("offline", "cam-7")]
    assert world.texts() == ["open cam-7 at dock: offline"]


def test_whoever_slept_through_the_end_of_its_lease_writes_nothing(either_world: World) -> None:
    world = either_world
    world.add(["cam-7"])
    world.pass_(5)
    world.change(["cam-7"], online=False)
    sleeper, second = world.watchman, world.another()
    found = sleeper._mind
    assert found is not None
    assert second.look(world.now_s + 40)
    assert not sleeper._write(found, [], world.now_s + 41)
    assert not sleeper.watches


def test_a_crash_before_the_commit_tells_it_later(store: Store) -> None:
    world = World(store)
    world.add(["cam-7"])
    world.change(["cam-7"], online=False)
    world.pass_(35)
    with pytest.raises(KeyboardInterrupt):
        interrupted(world.watchman, world.now_s + 15)
    assert world.texts() == []
    world.watchman = world.another()
    world.now_s += 35
    world.pass_(10)
    assert world.texts() == ["open cam-7 at dock: offline"]


def interrupted(watchman: Watchman, now_s: float) -> None:
    """A look that dies after everything was written and before it is committed."""

    def die() -> None:
        raise KeyboardInterrupt

    watchman._save_tallies = lambda *_: die()  # type: ignore[method-assign]
    watchman._saved_s = float("-inf")
    watchman.look(now_s)


def test_a_halted_rollout_is_open_until_a_newer_one(either_world: World) -> None:
    world = either_world
    row = {
        "name": "digits",
        "version": 2,
        "phases": "[]",
        "limits": "{}",
        "deadline_s": 60,
        "state": "halted",
        "cause": "golden",
        "detail": "cam-1: other answers",
        "created_s": START_S,
        "ended_s": START_S + 3,
    }
    with world.store.writing() as connection:
        connection.execute(tables.ROLLOUTS.insert().values(id=1, **row))
    world.pass_(20)
    with world.store.reading() as connection:
        (alert,) = open_alerts(connection)
    assert (alert.kind, alert.rollout, alert.device) == ("rollout-halted", 1, None)
    assert world.texts() == ["open rollout 1: digits@2 halted (golden): cam-1: other answers"]
    with world.store.writing() as connection:
        newer = row | {"state": "running", "version": 3, "ended_s": None}
        connection.execute(tables.ROLLOUTS.insert().values(id=2, **newer))
    world.pass_(20)
    assert world.open() == []


def test_metadata_that_will_expire_and_messages_nobody_can_read(world: World) -> None:
    world.settings = msgspec.structs.replace(SETTINGS, quarantine=Quarantine(messages=10, within_s=100))
    world.watchman = world.another()
    world.expiries_s = {
        "root": START_S + 20 * 86_400,
        "targets": START_S + 40 * 86_400,
        "timestamp": START_S + 7 * 3600,
    }
    world.pass_(5)
    assert world.open() == [("metadata-expiry", "metadata root")]
    row = {"topic": "t", "cause": "schema", "first_s": 0, "last_s": 0, "detail": "", "sample": b""}
    with world.store.writing() as connection:
        connection.execute(tables.QUARANTINE.insert().values(messages=12, **row))
    world.pass_(5)
    assert set(world.open()) == {("metadata-expiry", "metadata root"), ("quarantine", "quarantine")}
    world.pass_(110)
    assert world.open() == [("metadata-expiry", "metadata root")]


def test_a_device_that_was_forgotten_has_no_alert(world: World) -> None:
    world.add(["cam-7"])
    world.change(["cam-7"], online=False)
    world.pass_(40)
    with world.store.writing() as connection:
        connection.execute(tables.DEVICES.delete())
    world.pass_(5)
    assert world.open() == []


def test_frames_are_counted_once_through_restarts_of_devices_and_servers(either_world: World) -> None:
    world = either_world
    world.add(["cam-7"])
    world.read("cam-7", 1, ledger=FrameLedger(captured=100, inferred=90, dropped={"stale": 10}))
    world.pass_(70)
    world.read("cam-7", 2, ledger=FrameLedger(captured=200, inferred=150, dropped={"stale": 48, "stopping": 2}))
    world.pass_(5)
    world.watchman = world.another()  # the old one dies with the second reading counted and not saved
    world.now_s += 31
    world.pass_(5)
    world.read("cam-7", 1, boot="c", ledger=FrameLedger(captured=7, inferred=5, damaged=2))
    world.pass_(70)
    with world.store.reading() as connection:
        assert tallies.totals(connection) == {
            ("inferred", ""): 155,
            ("damaged", ""): 2,
            ("dropped", "stale"): 48,
            ("dropped", "stopping"): 2,
        }


def test_causes_that_devices_make_up_share_a_number(store: Store) -> None:
    world = World(store)
    world.add(["cam-7"])
    world.read("cam-7", 1, ledger=FrameLedger(captured=100, dropped={f"cause-{n:02}" + "x" * 50: 1 for n in range(60)}))
    world.pass_(70)
    with store.reading() as connection:
        found = tallies.totals(connection)
    assert len(found) == 21
    assert found["dropped", "other"] == 40


def test_what_ended_long_ago_is_deleted(store: Store) -> None:
    world = World(store, settings=msgspec.structs.replace(SETTINGS, keep_days=1))
    world.add(["cam-7"])
    world.change(["cam-7"], online=False)
    world.pass_(60)
    world.change(["cam-7"], online=True)
    world.pass_(60)
    world.now_s += 2 * 86_400
    world.pass_(5)
    with store.reading() as connection:
        assert list_alerts(connection, is_open=None) == ()
