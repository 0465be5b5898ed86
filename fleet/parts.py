"""What one fleet server is made of, handed to the API, the metrics and the page."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet.answers import Health
from fleet.collector import Collector
from fleet.commanding import Commands
from fleet.conductor import Conductor
from fleet.link import Link
from fleet.repository import Repository
from fleet.store import Store

if TYPE_CHECKING:
    from fleet.alerts.sender import Sender
    from fleet.identity.registrar import Registrar
    from fleet.trust.notary import Notary


@dataclass(frozen=True)
class Parts:
    """Everything is open and running while this is in use."""

    fleet: str
    store: Store
    repository: Repository
    link: Link
    collector: Collector
    conductor: Conductor
    commands: Commands
    """What devices are asked, and what they answer."""
    notary: Notary | None
    """None where the server keeps no metadata."""
    metadata_url: str
    """Where devices find it; empty where there is none."""
    registrar: Registrar | None = None
    """None where the server has no certificate authority."""
    alerts: Sender | None = None
    """Who tells people what is wrong."""
    map_tiles: str = ""
    """Address of map pictures with {z}, {x} and {y}; empty for a map without foreign pictures."""

    def health(self) -> Health:
        """Whether the server does its work at this moment."""
        return Health(
            ok=self.link.connected,
            fleet=self.fleet,
            broker=self.link.where,
            broker_connected=self.link.connected,
            waiting=self.collector.waiting,
            let_go=self.collector.let_go,
            heard=dict(self.collector.heard),
            warnings=self.notary.published.warnings(time.time()) if self.notary else (),
            metadata_expires_s=self.notary.published.expiries_s() if self.notary else {},
        )
