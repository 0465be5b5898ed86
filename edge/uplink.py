"""What `edgeferry run --mqtt` sends, without an agent: results and telemetry as a device of the fleet would.

The outbox lives in a temporary folder: what nobody acknowledged by the end is given up, which only the agent's
permanent outbox could prevent.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contract.device import Broker
from contract.topics import checked_name
from edge.identity import birth
from edge.model import LoadedModel
from edge.outbox import Outbox

if TYPE_CHECKING:
    from edge.reporter import Reporter

_OUTBOX_BYTES = 64 * 1024**2
_CONNECT_TIMEOUT_S = 5.0
_FLUSH_S = 3.0


@dataclass(frozen=True, kw_only=True)
class Uplink:
    """Where a run reports to, and as whom."""

    url: str
    fleet: str
    device: str
    telemetry_every_s: float = 5.0

    def __post_init__(self) -> None:
        """ConfigError for a name that cannot stand in a topic."""
        checked_name(self.fleet, what="fleet")
        checked_name(self.device, what="device")


@contextmanager
def connected(uplink: Uplink, model: LoadedModel) -> Iterator[Reporter]:
    """A reporter whose broker has answered, or LinkError. At the end it is given some time to send the rest."""
    from edge.reporter import Reporter

    with tempfile.TemporaryDirectory(prefix="edgeferry-run-") as folder:
        outbox = Outbox(Path(folder) / "outbox.sqlite", _OUTBOX_BYTES)
        reporter = Reporter(
            Broker(url=uplink.url),
            uplink.fleet,
            uplink.device,
            outbox=outbox,
            birth=lambda: birth(
                model=model.release,
                digest=model.digest,
                backend=model.backend.name,
                boot=outbox.boot,
                profile=model.manifest.profile,
            ),
            events="all",
        )
        reporter.connect_now(_CONNECT_TIMEOUT_S)
        try:
            yield reporter
        finally:
            reporter.close(_FLUSH_S)
