"""Which delta a device is offered."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.codec import to_json
from contract.digest import digest_of
from contract.errors import FerryError
from contract.messages import Birth
from contract.topics import Topic
from fleet.arrivals import Arrival
from fleet.deltas import choose, delta_name, list_deltas
from fleet.ingest import record
from fleet.repository import Repository
from fleet.store import Store
from tests.fleet.parcel import bundle_bytes, delta_bytes
from tests.fleet.simulated import FLEET

HELD, OTHER, ABSENT = ("sha256:" + digit * 64 for digit in "123")


class Depot:
    """A release, and a device that holds two bundles of earlier ones."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.store, self.repository = store, Repository(folder / "repository", store, None)
        self.bundle = bundle_bytes("rpi4")
        with self.repository.incoming() as (file, path):
            file.write(self.bundle)
            file.flush()
            self.repository.adopt(path, where="test")
        birth = Birth(
            at="2026-01-01T00:00:00Z",
            boot="a",
            profile="rpi4",
            edgeferry="0.1.0",
            python="3.11.7",
            backend="none",
            model="digits@1",
            digest=HELD,
            holds=(HELD, OTHER),
        )
        with store.writing() as connection:
            record(connection, [Arrival(Topic(FLEET, "a", "birth"), birth, to_json(birth), 1.0)])

    def add(self, base: str, stored: bytes) -> str:
        data = delta_bytes(base, self.bundle, stored=stored)
        with self.repository.incoming() as (file, path):
            file.write(data)
            file.flush()
            return self.repository.adopt_delta(path, where="test").digest

    def offered(self, device: str = "a", refused: str = "") -> str | None:
        with self.store.reading() as connection:
            return choose(connection, device, digest_of(self.bundle), lambda name: name != refused)


@pytest.fixture
def depot(tmp_path: Path, either_store: Store) -> Depot:
    return Depot(tmp_path, either_store)


def test_the_smallest_delta_from_a_bundle_the_device_holds_is_offered(depot: Depot) -> None:
    assert depot.offered() is None
    depot.add(ABSENT, b"1")
    assert depot.offered() is None
    larger = depot.add(HELD, b"12345678")
    assert depot.offered() == larger
    smaller = depot.add(OTHER, b"1234")
    assert depot.offered() == smaller
    assert depot.offered(refused=delta_name(smaller)) == larger
    assert depot.offered("nobody") is None


def test_a_delta_that_is_refused_leaves_nothing_behind(depot: Depot) -> None:
    with pytest.raises(FerryError, match="no less than"):
        depot.add(HELD, b"x" * len(depot.bundle))
    assert [path.suffix for path in depot.repository.folder.iterdir()] == [".bundle"]
    with depot.store.reading() as connection:
        assert list_deltas(connection) == []
