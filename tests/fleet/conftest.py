"""Stores, collectors and whole server processes for the tests of this room."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command

from contract.device import Broker as BrokerAddress
from fleet.collector import Collector
from fleet.link import Link
from fleet.store import Store, migrations, open_store
from tests.broker import MOSQUITTO, Broker
from tests.fleet.postgres import postgres
from tests.fleet.server_process import ServerProcess
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


@pytest.fixture(params=["sqlite", "postgresql"])
def either_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind, one after the other."""
    local = f"sqlite:///{tmp_path / 'fleet.db'}"
    opened = open_store(local if request.param == "sqlite" else request.getfixturevalue("postgres_url"), fleet=FLEET)
    yield opened
    with opened.writing() as connection:
        command.downgrade(migrations(connection), "base")
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
        self.link.listen()

    def stop(self) -> None:
        """Commit what has come, then leave."""
        self.link.close()
        self.collector.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, Broker]]:
    """One whole server for the session, and its broker; each test brings devices and versions of its own."""
    if not shutil.which(MOSQUITTO):
        pytest.skip("mosquitto is not installed")
    folder = tmp_path_factory.mktemp("served")
    running = Broker(folder)
    running.start()
    server = ServerProcess(folder, running.url)
    yield server, running
    assert server.stop() == 0
    running.stop()


@pytest.fixture
def collecting(broker: Broker, store: Store) -> Iterator[Collecting]:
    """A collector that listens to `broker` and writes into `store`."""
    running = Collecting(broker, store)
    yield running
    running.stop()
