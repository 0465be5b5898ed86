"""Devices, a real broker and a real store: nothing is acknowledged that is not stored."""

from __future__ import annotations

import time

import pytest
import sqlalchemy as sa

from contract.codec import to_json
from contract.messages import Ack, Span
from fleet import tables
from fleet.answers import Stats
from fleet.collector import Collector
from fleet.readings import device_detail, statistics
from fleet.store import Store
from tests.broker import Broker
from tests.fleet.conftest import Collecting
from tests.fleet.simulated import FLEET, SimulatedDevice, batch

_NO_TWOS = "WHEN NEW.sequence = 2 BEGIN SELECT RAISE(ABORT, 'no twos'); END"
TOPIC = f"edgeferry/v1/{FLEET}/cam-1/telemetry"


def totals(store: Store) -> Stats:
    with store.reading() as connection:
        return statistics(connection)


def stored_numbers(store: Store) -> list[int]:
    with store.reading() as connection:
        return list(connection.scalars(sa.select(tables.TELEMETRY.c.sequence).order_by(tables.TELEMETRY.c.sequence)))


@pytest.mark.usefixtures("collecting")
def test_readings_are_stored_and_then_acknowledged(broker: Broker, store: Store) -> None:
    device = SimulatedDevice(broker.port, "cam-1")
    device.send([1, 2, 3])
    assert device.acknowledged(3)[-1] == 3
    assert stored_numbers(store) == [1, 2, 3]
    device.stop()


@pytest.mark.usefixtures("collecting")
def test_duplicates_are_acknowledged_again_and_stored_once(broker: Broker, store: Store) -> None:
    device = SimulatedDevice(broker.port, "cam-1")
    for _ in range(3):
        device.send([1, 2])
        device.acknowledged(2)
    assert stored_numbers(store) == [1, 2]
    device.stop()


@pytest.mark.usefixtures("collecting")
def test_a_late_batch_holds_the_acknowledgement_back(broker: Broker, store: Store) -> None:
    device = SimulatedDevice(broker.port, "cam-1")
    device.send([3, 4], oldest=1)
    assert device.acknowledged(0) == [0]
    device.send([1, 2], oldest=1)
    assert device.acknowledged(4)[-1] == 4
    assert totals(store).gaps == 0
    device.stop()


@pytest.mark.usefixtures("collecting")
def test_what_the_device_gave_up_becomes_a_gap_and_no_more(broker: Broker, store: Store) -> None:
    device = SimulatedDevice(broker.port, "cam-1")
    device.send([1])
    device.send([5, 6], oldest=5)
    device.acknowledged(6)
    with store.reading() as connection:
        gaps = device_detail(connection, "cam-1").gaps
    assert [(gap.first, gap.last) for gap in gaps] == [(2, 4)]
    assert (totals(store).stored, totals(store).lost) == (3, 3)
    device.stop()


@pytest.mark.usefixtures("collecting")
def test_garbage_is_quarantined_and_does_not_stop_the_rest(broker: Broker, store: Store) -> None:
    device = SimulatedDevice(broker.port, "cam-1")
    for payload in (b"", b"not json", b"\x00\xff", b'{"schema": 9, "boot": "b", "oldest": 1}', b"[" * 5000):
        device.publish("telemetry", payload)
    device.publish("birth", b"{}")
    device.send([1])
    device.acknowledged(1)
    assert totals(store).quarantined == 6
    assert totals(store).stored == 1
    device.stop()


def test_a_collector_started_again_goes_on_where_it_was(broker: Broker, store: Store, collecting: Collecting) -> None:
    device = SimulatedDevice(broker.port, "cam-1")
    device.send([1, 2, 4], oldest=1)
    assert device.acknowledged(2)[-1] == 2
    collecting.stop()
    device.send([5], oldest=3)
    collecting.start()
    device.send([3, 4, 5], oldest=3)
    assert device.acknowledged(5)[-1] == 5
    assert stored_numbers(store) == [1, 2, 3, 4, 5]
    assert totals(store).gaps == 0
    device.stop()


def test_a_broker_that_comes_back_is_heard_again(broker: Broker, collecting: Collecting) -> None:
    broker.stop()
    broker.start()
    deadline = time.monotonic() + 20
    while not collecting.link.connected and time.monotonic() < deadline:
        time.sleep(0.05)
    device = SimulatedDevice(broker.port, "cam-1")
    device.send([1])
    device.acknowledged(1)
    device.stop()


def test_a_store_that_is_locked_delays_the_acknowledgement_and_loses_nothing(store: Store) -> None:
    acks: list[bytes] = []
    collector = Collector(FLEET, store, lambda _topic, payload: acks.append(payload))
    collector.start()
    with store.writing():
        collector.offer(TOPIC, to_json(batch("b1", [1])))
        time.sleep(0.6)
        assert acks == []
    collector.close()
    assert acks == [to_json(Ack(boot="b1", sequence=1))]
    assert stored_numbers(store) == [1]


def test_one_message_the_store_cannot_hold_does_not_spoil_its_neighbours(store: Store) -> None:
    acks: list[bytes] = []
    collector = Collector(FLEET, store, lambda _topic, payload: acks.append(payload))
    with store.writing() as connection:
        connection.execute(sa.text(f"CREATE TRIGGER picky BEFORE INSERT ON telemetry {_NO_TWOS}"))
    for numbers in ([1], [2], [3, 4]):
        collector.offer(TOPIC, to_json(batch("b1", numbers, oldest=1)))
    collector.start()
    collector.close()
    assert stored_numbers(store) == [1, 3, 4]
    assert (totals(store).quarantined, totals(store).lost) == (1, 1)
    assert to_json(Ack(boot="b1", sequence=2, refused=(2,))) in acks
    assert acks[-1] == to_json(Ack(boot="b1", sequence=4))


def test_one_message_of_a_batch_that_the_store_cannot_hold_costs_that_message_alone(store: Store) -> None:
    acks: list[bytes] = []
    collector = Collector(FLEET, store, lambda _topic, payload: acks.append(payload))
    with store.writing() as connection:
        connection.execute(sa.text(f"CREATE TRIGGER picky BEFORE INSERT ON telemetry {_NO_TWOS}"))
    collector.offer(TOPIC, to_json(batch("b1", [1, 2, 3, 4, 5])))
    collector.start()
    collector.close()
    assert stored_numbers(store) == [1, 3, 4, 5]
    assert (totals(store).quarantined, totals(store).lost) == (1, 1)
    assert to_json(Ack(boot="b1", sequence=2, refused=(2,))) in acks
    assert acks[-1] == to_json(Ack(boot="b1", sequence=5))


@pytest.mark.usefixtures("collecting")
def test_a_device_learns_what_was_refused_and_goes_on(broker: Broker, store: Store) -> None:
    device = SimulatedDevice(broker.port, "cam-1")
    device.publish("telemetry", to_json(batch(device.boot, [1, 2, 3])).replace(b'"window_s":5.0', b'"window_s":"?"', 1))
    ack = device.acks.get(timeout=10)
    assert ack == Ack(boot=device.boot, sequence=3, refused=(1,))
    assert stored_numbers(store) == [2, 3]
    assert (totals(store).quarantined, totals(store).lost) == (1, 1)
    device.stop()


@pytest.mark.usefixtures("collecting")
def test_a_batch_of_a_newer_version_waits_on_its_device(broker: Broker, store: Store) -> None:
    device = SimulatedDevice(broker.port, "cam-1")
    device.publish("telemetry", to_json(batch(device.boot, [1])).replace(b'"schema":1', b'"schema":9'))
    device.send([2], oldest=1)
    assert device.acknowledged(0) == [0]
    assert (totals(store).quarantined, totals(store).lost) == (1, 0)
    device.stop()


@pytest.mark.usefixtures("collecting")
def test_what_a_device_gave_up_between_kept_messages_is_known_at_once(broker: Broker, store: Store) -> None:
    device = SimulatedDevice(broker.port, "cam-1")
    device.send([1, 5, 9], oldest=1, gone=(Span(2, 4), Span(6, 8)))
    assert device.acknowledged(9) == [9]
    assert totals(store).lost == 6
    device.stop()
