"""Stores, collectors and whole server processes for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.device import Broker as BrokerAddress
from fleet.collector import Collector
from fleet.link import Link
from fleet.store import Store, open_store
from tests.broker import Broker
from tests.fleet.postgres import postgres
from tests.fleet.simulated import FLEET


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL for the session; a test that fills it clears it."""
    with postgres() as url:
        yield url


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty SQLite store."""
    opened = open_store(f"sqlite:///{tmp_path / 'fleet.db'}", fleet=FLEET)
    yield opened
    opened.close()


class Collecting:
    """A collector at work on a real broker, which may be stopped and started again on the same store."""

    def __init__(self, broker: Broker, store: Store) -> None:
        self._broker, self._store = broker, store
        self.start()

    def start(self) -> None:
        """A new link and a new collector."""
        self.link = Link(BrokerAddress(url=self._broker.url), FLEET, lambda *said: self.collector.offer(*said))
        self.collector = Collector(FLEET, self._store, self.link.publish)
        self.collector.start()
        self.link.open()

    def stop(self) -> None:
        """Commit what has come, then leave."""
        self.link.close()
        self.collector.close()


@pytest.fixture
def collecting(broker: Broker, store: Store) -> Iterator[Collecting]:
    """A collector that listens to `broker` and writes into `store`."""
    running = Collecting(broker, store)
    yield running
    running.stop()
