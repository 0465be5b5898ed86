"""That this start of the agent has answered a frame and told of it, for whoever has just set the device up.

`install.sh` waits for a new record and goes back without one. The record stands for the outbox, not for the broker: a
device may well be set up where there is no network.
"""

from __future__ import annotations

import logging
from pathlib import Path

from msgspec import Struct

from contract.codec import to_pretty_json
from contract.manifest import Digest
from edge.durable import Disk, disk_error

log = logging.getLogger(__name__)

FILE = "reporting.json"


class Reporting(Struct, frozen=True, kw_only=True):
    """The record; another with every start."""

    schema: int = 1
    boot: str
    """The outbox's word for this start."""
    release: str
    digest: Digest


class FirstReport:
    """Leaves the record once a start. A disk that will not take it costs a warning: nobody may be waiting."""

    def __init__(self, state_dir: Path, disk: Disk) -> None:
        self._path, self._disk, self._done = state_dir / FILE, disk, False

    def told(self, *, boot: str, release: str, digest: Digest) -> None:
        """An answered frame was handed over to be sent."""
        if self._done:
            return
        self._done = True
        try:
            self._disk.replace_file(self._path, to_pretty_json(Reporting(boot=boot, release=release, digest=digest)))
        except OSError as problem:
            log.warning("%s", disk_error("noting the first report", self._path, problem))
