"""One transaction of messages into the store."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from msgspec import structs

from contract.codec import to_json
from contract.messages import Batch, Birth, Event, Message, Presence, Reported
from contract.result import Result
from contract.topics import Kind, Topic
from fleet import tables
from fleet.answers import Device
from fleet.arrivals import Arrival, Refusal, refuse
from fleet.ingest import Due, record
from fleet.readings import overview, statistics
from fleet.store import Store
from tests.fleet.simulated import DIGEST, FLEET, batch, reading

BIRTH = Birth(
    at="2026-01-01T00:00:00Z",
    boot="b1",
    profile="rpi4",
    edgeferry="0.1.0",
    python="3.11.7",
    backend="ai-edge-litert 2.3.0",
    model="digits@1",
    digest=DIGEST,
)


@pytest.fixture
def store(either_store: Store) -> Store:
    return either_store


def arrival(message: Message, *, at_s: float = 10.0, retained: bool = False, kind: Kind = "telemetry") -> Arrival:
    return Arrival(Topic(FLEET, "cam-1", kind), message, to_json(message), at_s, retained)


def keep(store: Store, *arrivals: Arrival | Refusal) -> Sequence[Due]:
    with store.writing() as connection:
        return record(connection, arrivals)


def device(store: Store) -> Device:
    with store.reading() as connection:
        return overview(connection)[0]


def test_what_is_recorded_can_be_read_and_is_due_an_acknowledgement(store: Store) -> None:
    due = keep(store, arrival(BIRTH), arrival(batch("b1", [1, 2])), arrival(batch("b1", [3])))
    assert [(d.device, d.ack.boot, d.ack.sequence) for d in due] == [("cam-1", "b1", 3)]
    found = device(store)
    assert (found.profile, found.stored.telemetry, found.lost) == ("rpi4", 3, 0)
    assert found.telemetry is not None
    assert found.telemetry.sequence == 3


def test_a_message_twice_in_one_transaction_is_stored_once(store: Store) -> None:
    keep(store, arrival(batch("b1", [1])), arrival(batch("b1", [1, 2])))
    assert device(store).stored.telemetry == 2


def test_kinds_share_one_numbering_and_are_counted_apart(store: Store) -> None:
    result = Result(source="x", frame=0, captured_at="2026-01-01T00:00:00Z", model="digits@1", digest=DIGEST)
    mixed = Batch(boot="b1", oldest=1, telemetry=(reading(1),), events=(Event(sequence=2, result=result),))
    assert keep(store, arrival(mixed))[0].ack.sequence == 2
    with store.reading() as connection:
        stats = statistics(connection)
    assert (stats.messages.telemetry, stats.messages.events, stats.stored) == (1, 1, 2)


def test_backlog_of_an_earlier_boot_does_not_become_the_newest_reading(store: Store) -> None:
    keep(store, arrival(BIRTH), arrival(batch("b1", [1], rate=20.0)), arrival(batch("b0", [7], rate=1.0)))
    newest = device(store).telemetry
    assert newest is not None
    assert newest.frames_per_s == 20.0


def test_a_retained_birth_delivered_again_does_not_count_as_seen(store: Store) -> None:
    keep(store, arrival(BIRTH), arrival(batch("b1", [1]), at_s=20.0))
    keep(store, arrival(BIRTH, at_s=90.0, retained=True))
    assert device(store).last_seen == "1970-01-01T00:00:20.000Z"


def test_a_window_that_closes_after_the_switch_does_not_bring_the_old_model_back(store: Store) -> None:
    keep(store, arrival(BIRTH), arrival(structs.replace(BIRTH, model="digits@2"), at_s=20.0))
    keep(store, arrival(batch("b1", [1], model="digits@1"), at_s=21.0))
    found = device(store)
    assert found.telemetry is not None
    assert (found.model, found.telemetry.model) == ("digits@2", "digits@1")


def step(sequence: int, model: str) -> Arrival:
    """A step of an update, and how things stood at that moment."""
    said = Reported(
        sequence=sequence,
        at="2026-01-01T00:00:00Z",
        counter=1,
        state="committed" if model == "digits@2" else "downloading",
        digest=DIGEST,
        running=model,
        running_digest=DIGEST,
    )
    return arrival(Batch(boot="b1", oldest=1, reported=(said,)), kind="reported")


def test_a_lost_step_that_comes_after_those_that_followed_it_does_not_bring_the_old_model_back(store: Store) -> None:
    keep(store, arrival(BIRTH), step(1, "digits@1"))
    keep(store, step(4, "digits@2"), step(3, "digits@1"))
    assert device(store).model == "digits@2"
    keep(store, step(2, "digits@1"))
    assert device(store).model == "digits@2"
    keep(store, step(5, "digits@3"))
    assert device(store).model == "digits@3"


def test_the_will_of_an_earlier_boot_does_not_take_a_device_offline(store: Store) -> None:
    keep(store, arrival(Presence(boot="b2", online=True)), arrival(Presence(boot="b1", online=False)))
    assert device(store).online
    keep(store, arrival(Presence(boot="b2", online=False)))
    assert not device(store).online


def test_a_device_that_cannot_tell_the_time_is_stored_by_the_time_of_arrival(store: Store) -> None:
    strange = Batch(boot="b1", oldest=1, telemetry=(reading(1).__replace__(at="yesterday"),))
    keep(store, arrival(strange, at_s=77.0))
    with store.reading() as connection:
        assert connection.scalar(sa.select(tables.TELEMETRY.c.at_s)) == 77.0


def test_refusals_of_one_kind_share_a_row(store: Store) -> None:
    topic = Topic(FLEET, "cam-1", "telemetry")
    keep(store, refuse(topic, "malformed", "first", b"1", 1.0))
    keep(store, refuse(topic, "malformed", "second", b"2", 2.0), refuse(topic, "schema", "newer", b"3", 3.0))
    with store.reading() as connection:
        rows = connection.execute(sa.select(tables.QUARANTINE).order_by(tables.QUARANTINE.c.cause)).all()
        assert statistics(connection).quarantined == 3
    assert [(row.cause, row.messages, row.detail, row.sample) for row in rows] == [
        ("malformed", 2, "second", b"2"),
        ("schema", 1, "newer", b"3"),
    ]
