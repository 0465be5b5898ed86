"""A fleet server without sockets and threads: the real store, the real conductor, and the collector's one transaction.

Power can go at every place that matters: between receiving and committing, between the commit and its acknowledgement,
and after any number of publications. The clock is the test's, and may jump.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from contract import topics
from contract.codec import to_json
from contract.manifest import Digest
from devices.keys import development_signer
from fleet.arrivals import judge
from fleet.conductor import Conductor
from fleet.ingest import record
from fleet.repository import Repository
from fleet.store import open_store
from tests.fleet.modelled_devices import ModelledBroker, Sent
from tests.fleet.parcel import bundle_bytes
from tests.fleet.simulated import FLEET

PROFILES = ("rpi4", "rpi5")
VERSIONS = (1, 2, 3)
Moment = Literal["before the commit", "after the commit"]


class PowerCutError(Exception):
    """The server is gone, in the middle of whatever it did."""


class Releases:
    """A store with three versions for two kinds of device, made once and copied for each life."""

    def __init__(self) -> None:
        self.digests: dict[tuple[int, str], Digest] = {}
        with tempfile.TemporaryDirectory() as folder:
            self._fill(Path(folder))
            self._store = (Path(folder) / "fleet.db").read_bytes()

    def _fill(self, folder: Path) -> None:
        with contextlib.closing(open_store(f"sqlite:///{folder / 'fleet.db'}", fleet=FLEET)) as store:
            repository = Repository(folder / "repository", store, None)
            for version in VERSIONS:
                for profile in PROFILES:
                    with repository.incoming() as (file, path):
                        file.write(bundle_bytes(profile, version=version))
                        file.flush()
                        self.digests[version, profile] = repository.adopt(path, where="test").digest

    @property
    def names(self) -> dict[Digest, str]:
        """`NAME@VERSION` by digest."""
        return {digest: f"digits@{version}" for (version, _), digest in self.digests.items()}

    def copied(self, folder: Path) -> str:
        """A store of one's own; its address."""
        (folder / "fleet.db").write_bytes(self._store)
        return f"sqlite:///{folder / 'fleet.db'}"


class ModelledServer:
    """Hears and ticks when it is told to. `now_s` is what its clock shows."""

    def __init__(self, url: str, broker: ModelledBroker, told: Callable[[str, bytes], None]) -> None:
        """`told` sees each assignment as it leaves."""
        self.now_s = 1_000_000.0
        self._url, self._broker, self._told = url, broker, told
        self._left: int | None = None
        """Publications until power goes."""
        self._open()

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    def restart(self, *, lost: bool = True) -> None:
        """Begin anew; `lost`: what the broker had for it until now is gone."""
        self.close()
        self._open()
        self._broker.begin_listening(lost=lost)
        self.conductor.tell_again()

    def hear(self, messages: Sequence[Sent], power_goes: Moment | None = None) -> None:
        """What the collector does with messages that come together."""
        arrivals = [
            arrival
            for said in messages
            if (arrival := judge(FLEET, said.topic, said.payload, self.now_s, retained=said.retained)) is not None
        ]
        with self._perhaps_dying():
            with self.store.writing() as connection:
                due = record(connection, arrivals)
                if power_goes == "before the commit":
                    raise PowerCutError
            if power_goes == "after the commit":
                raise PowerCutError
            for device, ack in due:
                self._broker.from_server(topics.topic(FLEET, device, "ack"), to_json(ack))

    def tick(self, publications: int | None = None) -> bool:
        """A look of the conductor's; power goes after so many publications. Whether it came to its end."""
        self._left = publications
        with self._perhaps_dying():
            while self.conductor.tick():
                pass
            self._left = None
            return True
        return False

    def _open(self) -> None:
        self.store = open_store(self._url, fleet=FLEET)
        self.conductor = Conductor(
            FLEET, self.store, development_signer(), self._publish, "http://fleet.example", clock=lambda: self.now_s
        )

    def _publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        if self._left is not None:
            if self._left == 0:
                raise PowerCutError
            self._left -= 1
        self._told(topic, payload)
        self._broker.from_server(topic, payload, retain=retain)

    @contextlib.contextmanager
    def _perhaps_dying(self) -> Iterator[None]:
        try:
            yield
        except PowerCutError:
            self._left = None
            self.restart()
