"""Long lists, a page at a time."""

from __future__ import annotations

import json

import pytest
from msgspec import structs

from contract.codec import to_json
from contract.messages import Batch, Birth, Event, Reported
from contract.moments import rfc3339
from contract.result import Result
from contract.topics import Topic
from fleet import answers
from fleet.arrivals import Arrival, refuse
from fleet.ingest import record
from fleet.keeping.lists import Sort, devices_json, events, quarantine
from fleet.readings import overview
from fleet.refusals import NotFoundError
from fleet.store import Store
from tests.fleet.simulated import DIGEST, FLEET, reading

BIRTH = Birth(
    at=rfc3339(0), boot="b1", profile="rpi4", edgeferry="1", python="3", backend="x", model="digits@1", digest=DIGEST
)


@pytest.fixture
def store(either_store: Store) -> Store:
    """Thirty devices, of which every third has said everything a device can say."""
    with either_store.writing() as connection:
        for n in range(30):
            name = f"cam-{n:02d}"
            born = structs.replace(BIRTH, site="Dock_1" if n % 2 else "barn", tags={"lat": "1"})
            record(connection, [Arrival(Topic(FLEET, name, "birth"), born, b"", 100.0 + n)])
            if n % 3 == 0:
                step = Reported(
                    sequence=2,
                    at=rfc3339(1),
                    counter=1,
                    state="committed",
                    digest=DIGEST,
                    running="m@1",
                    running_digest=None,
                )
                batch = Batch(boot="b1", oldest=1, telemetry=(reading(1),), reported=(step,))
                record(connection, [Arrival(Topic(FLEET, name, "telemetry"), batch, to_json(batch), 500.0 - n)])
    return either_store


def page(
    store: Store, *, offset: int = 0, limit: int | None = None, search: str = "", sort: Sort = "id"
) -> answers.Devices:
    with store.reading() as connection:
        return answers.Devices.model_validate_json(
            devices_json(connection, offset=offset, limit=limit, search=search, sort=sort)
        )


def test_the_whole_list_says_what_the_models_say(store: Store) -> None:
    with store.reading() as connection:
        quick = json.loads(devices_json(connection, offset=0, limit=None, search="", sort="id"))
        plain = answers.Devices(devices=overview(connection), total=30)
    assert quick == json.loads(plain.model_dump_json())


def test_a_page_says_how_many_there_are(store: Store) -> None:
    found = page(store, offset=28, limit=10)
    assert ([d.id for d in found.devices], found.total, found.offset) == (["cam-28", "cam-29"], 30, 28)


@pytest.mark.parametrize(("search", "total"), [("CAM-1", 10), ("dock_", 15), ("k%1", 0), ("rpi4", 30), ("m@1", 10)])
def test_search_looks_at_names_and_whatever_stands_beside_them(store: Store, search: str, total: int) -> None:
    assert page(store, search=search, limit=1).total == total


@pytest.mark.parametrize(
    ("sort", "first"),
    [("id", "cam-00"), ("site", "cam-00"), ("last_seen", "cam-00"), ("model", "cam-01"), ("lost", "cam-00")],
)
def test_lists_are_sorted(store: Store, sort: Sort, first: str) -> None:
    if sort == "last_seen":
        assert [d.id for d in page(store, sort=sort, limit=3).devices] == ["cam-00", "cam-03", "cam-06"]
    assert page(store, sort=sort, limit=1).devices[0].id == first


def test_quarantine_comes_the_latest_first(either_store: Store) -> None:
    with either_store.writing() as connection:
        for n in range(7):
            topic = Topic(FLEET, f"cam-{n}", "telemetry")
            record(connection, [refuse(topic, "malformed", f"sentence {n}", b"\xff{", float(n))] * 2)
    with either_store.reading() as connection:
        found = quarantine(connection, offset=5, limit=5)
        assert (found.total, [r.detail for r in found.refused]) == (7, ["sentence 1", "sentence 0"])
        assert (found.refused[0].messages, found.refused[0].sample) == (2, "\ufffd{")
        assert quarantine(connection, offset=0, limit=5, search="CAM-3").total == 1


def test_events_come_the_latest_first(either_store: Store) -> None:
    result = Result(source="x", frame=0, captured_at="2026-01-01T00:00:00Z", model="digits@1", digest=DIGEST)
    said = tuple(
        Event(sequence=n, result=structs.replace(result, frame=n, captured_at=rfc3339(1000 + n))) for n in range(1, 6)
    )
    batch = Batch(boot="b1", oldest=1, events=said)
    with either_store.writing() as connection:
        record(connection, [Arrival(Topic(FLEET, "cam-1", "events"), batch, to_json(batch), 9.0)])
    with either_store.reading() as connection:
        first, last = (events(connection, "cam-1", offset=offset, limit=3) for offset in (0, 3))
        with pytest.raises(NotFoundError):
            events(connection, "cam-9", offset=0, limit=3)
    assert ([e.sequence for e in first.events], first.more) == ([5, 4, 3], True)
    assert ([e.result["frame"] for e in last.events], last.more) == ([2, 1], False)
