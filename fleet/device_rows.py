"""What the store holds of one device right now, and how each kind of message changes it.

"Newest" goes by the device's own numbering, never by clocks: of the boot the device is in, the highest sequence.
Messages of an earlier boot are backlog; they are stored like any other and change nothing here. Which model serves is
said by births and by steps of updates. A reading speaks of a window that is over: right after a switch, of the model
before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa
from msgspec import Struct, json, structs
from sqlalchemy.engine import Connection

from contract.codec import to_json
from contract.messages import Birth, Presence, Reported, Telemetry
from fleet import tables
from fleet.keeping import bulk
from fleet.refusals import NotFoundError

RESTLESS = 10
"""So many of a device's last starts are remembered."""


class DeviceRow(Struct):
    """One row of `devices`, being worked on."""

    device: str
    boot: str | None
    online: bool
    birth: str | None
    model: str
    digest: str | None
    latest: str | None
    latest_boot: str | None
    latest_sequence: int | None
    reported: str | None
    first_seen_s: float
    last_seen_s: float | None
    site: str = ""
    profile: str = ""
    telemetry: int = 0
    events: int = 0
    messages: int = 0
    gaps: int = 0
    lost: int = 0
    starts: str | None = None
    restless_s: float | None = None

    @classmethod
    def unseen(cls, device: str, now_s: float) -> DeviceRow:
        """A device that has just been heard of for the first time."""
        return cls(device, None, False, None, "", None, None, None, None, None, now_s, None)

    def born(self, birth: Birth, now_s: float) -> None:
        """The device says who it is: at each connection, and when another model begins to serve."""
        self._boots(birth.boot, now_s)
        self.model, self.digest = birth.model, birth.digest
        self.boot, self.birth = birth.boot, to_json(birth).decode()
        self.site, self.profile = birth.site, birth.profile

    def present(self, presence: Presence, now_s: float) -> None:
        """Online, or offline by its last will; an earlier boot's will says nothing about this one."""
        if presence.online:
            self._boots(presence.boot, now_s)
            self.boot, self.online = presence.boot, True
        elif self.boot in (None, presence.boot):
            self.online = False

    def read(self, boot: str, reading: Telemetry) -> None:
        """A fresh reading, not necessarily the newest."""
        seen = (self.latest_sequence or 0) if boot == self.latest_boot else 0
        if self._backlog(boot) or reading.sequence < seen:
            return
        self.latest, self.latest_boot, self.latest_sequence = to_json(reading).decode(), boot, reading.sequence
        if self.birth is None:
            self.model, self.digest = reading.model, reading.digest

    def report(self, boot: str, reported: Reported) -> None:
        """A fresh step of an update."""
        if self._backlog(boot):
            return
        self.reported = to_json(reported).decode()
        self.model, self.digest = reported.running, reported.running_digest

    def _boots(self, boot: str, now_s: float) -> None:
        """Note a start; the first that is heard of is none, for nobody knows what was before."""
        if self.boot in (None, boot):
            return
        starts = [*(json.decode(self.starts) if self.starts else ()), now_s][-RESTLESS:]
        self.starts = json.encode(starts).decode()
        self.restless_s = starts[0] if len(starts) == RESTLESS else None

    def _backlog(self, boot: str) -> bool:
        return self.boot not in (None, boot)


_COLUMNS = tuple(tables.DEVICES.c[name] for name in DeviceRow.__struct_fields__)


def check_known(connection: Connection, device: str) -> None:
    """NotFoundError for a device that has never been heard of."""
    if connection.scalar(sa.select(tables.DEVICES.c.device).where(tables.DEVICES.c.device == device)) is None:
        raise NotFoundError(f"no device {device!r}", where="devices", fix="List them: edgeferry fleet devices")


def load_devices(connection: Connection, names: Collection[str]) -> dict[str, DeviceRow]:
    """Those of `names` that are known, by name; locked in that order, so that collectors cannot block each other."""
    if not names:
        return {}
    name = tables.DEVICES.c.device
    found = sa.select(*_COLUMNS).where(name.in_(sorted(names))).order_by(name).with_for_update()
    return {row.device: DeviceRow(*row) for row in connection.execute(found)}


def save_devices(connection: Connection, devices: Iterable[DeviceRow], known: Collection[str]) -> None:
    """Write each one back. One that is new must not be there by now: whoever finds it so has lost a race, and fails."""
    rows = [structs.asdict(device) for device in devices]
    bulk.upsert(connection, tables.DEVICES, [row for row in rows if row["device"] in known])
    bulk.insert(connection, tables.DEVICES, [row for row in rows if row["device"] not in known])
