"""One transaction's worth of messages into the store: rows, progress, gaps, quarantine, and what may be acknowledged.

`record` runs inside the caller's transaction and knows no broker and no clock. It reads each touched device and boot
once, works on them in memory, and writes each once. A message is inserted only where `fleet/sequence.py` calls it
fresh, so delivering anything twice changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contract.codec import to_json
from contract.messages import Ack, Batch, Birth, Event, Presence, Reported, Span, Telemetry
from contract.moments import unix_s
from fleet import tables
from fleet.arrivals import Arrival, Refusal
from fleet.device_rows import DeviceRow, load_devices, save_devices
from fleet.keeping import bulk
from fleet.keeping.backlog import roll_up_stored
from fleet.keeping.rollups import Boot, RollUps, place
from fleet.keeping.tallies import Tally
from fleet.sequence import Progress, take
from fleet.target_states import Report, apply_reports

_TABLES = {Telemetry: tables.TELEMETRY, Event: tables.EVENTS, Reported: tables.REPORTED}


class Due(NamedTuple):
    """An acknowledgement to publish once the transaction is on disk."""

    device: str
    ack: Ack


class _BootRow(msgspec.Struct):
    """One row of `progress`, being worked on."""

    device: str
    boot: str
    progress: Progress
    stored: dict[str, int]
    sums: Boot
    """What of it is rolled up."""
    known: bool = False
    newest_report: int | None = 0
    """The highest number of a stored one. None: to be asked for, because there are numbers beyond a hole; without
    one, whatever is fresh is newer."""
    refused: set[int] = msgspec.field(default_factory=set)
    """In this transaction."""

    def due(self) -> Due:
        """What may be acknowledged."""
        acknowledged = self.progress.acknowledged
        refused = tuple(sorted(number for number in self.refused if number <= acknowledged))
        return Due(self.device, Ack(boot=self.boot, sequence=acknowledged, refused=refused))


def record(connection: Connection, arrivals: Sequence[Arrival | Refusal]) -> list[Due]:
    """Store everything in `arrivals`; returns the acknowledgements this earns, one a boot."""
    readable = [arrival for arrival in arrivals if isinstance(arrival, Arrival)]
    work = _Work(connection, readable)
    for arrival in readable:
        work.take(arrival)
    work.save()
    _quarantine(connection, [arrival for arrival in arrivals if isinstance(arrival, Refusal)])
    return [boot.due() for boot in work.boots.values()]


class _Work:
    """The rows one transaction touches."""

    def __init__(self, connection: Connection, arrivals: Sequence[Arrival]) -> None:
        self.connection = connection
        self.devices = load_devices(connection, {arrival.topic.device for arrival in arrivals})
        self.known = frozenset(self.devices)
        self.boots = _load_boots(connection, arrivals)
        self.inserts: dict[sa.Table, list[dict[str, Any]]] = {}
        self.reports: list[Report] = []

    def take(self, arrival: Arrival) -> None:
        """Let one message change its device, and its boot if it is a batch."""
        name = arrival.topic.device
        device = self.devices.setdefault(name, DeviceRow.unseen(name, arrival.received_s))
        message = arrival.message
        if isinstance(message, Birth):
            device.born(message, arrival.received_s)
        elif isinstance(message, Presence):
            device.present(message, arrival.received_s)
        elif isinstance(message, Batch):
            self._take_batch(device, message, arrival)
        if not arrival.retained and not (isinstance(message, Presence) and not message.online):
            device.last_seen_s = arrival.received_s

    def _take_batch(self, device: DeviceRow, batch: Batch, arrival: Arrival) -> None:
        """Put the batch's fresh messages among the inserts and its boot's progress forward.

        What was refused is as lost as what the device gave up: only so can it go on with what follows.
        """
        boot, received_s = self.boots[device.device, batch.boot], arrival.received_s
        messages = {message.sequence: message for message in batch.messages()}
        step = take(boot.progress, messages, batch.oldest, (*batch.gone, *(Span(n, n) for n in arrival.refused)))
        boot.progress = step.progress
        boot.refused.update(arrival.refused)
        for gap in step.gaps:
            device.gaps, device.lost = device.gaps + 1, device.lost + gap.last - gap.first + 1
            self.inserts.setdefault(tables.GAPS, []).append(_gap_row(boot, gap, received_s))
        for sequence in sorted(step.fresh):
            message = messages[sequence]
            table = _TABLES[type(message)]
            boot.stored[table.name] += 1
            device.messages += 1
            row = _message_row(boot, message, received_s)
            self.inserts.setdefault(table, []).append(row)
            if isinstance(message, Telemetry):
                device.telemetry += 1
                device.read(batch.boot, message)
                boot.sums.fresh.append(place(message, row["at_s"], received_s))
            elif isinstance(message, Event):
                device.events += 1
            elif isinstance(message, Reported):
                if self._is_newest(boot, sequence):
                    device.report(batch.boot, message)
                self.reports.append(Report(device.device, message, received_s))

    def _is_newest(self, boot: _BootRow, sequence: int) -> bool:
        """Whether this report may say what serves: one that was lost comes again after those that followed it."""
        if boot.newest_report is None:
            table = tables.REPORTED.c
            mine = (table.device == boot.device) & (table.boot == boot.boot)
            boot.newest_report = self.connection.scalar(sa.select(sa.func.max(table.sequence)).where(mine)) or 0
        if sequence < boot.newest_report:
            return False
        boot.newest_report = sequence
        return True

    def save(self) -> None:
        """Write everything, each row once; readings after the roll-ups, which look at those stored before."""
        sums = RollUps(self.connection)
        for boot in self.boots.values():
            sums.take(boot.sums)
        sums.save({device.device: device.profile for device in self.devices.values()})
        for table, rows in self.inserts.items():
            bulk.insert(self.connection, table, rows)
        apply_reports(self.connection, self.reports)
        save_devices(self.connection, self.devices.values(), self.known)
        _save_boots(self.connection, self.boots.values())


def _message_row(boot: _BootRow, message: Telemetry | Event | Reported, received_s: float) -> dict[str, Any]:
    said = message.result.captured_at if isinstance(message, Event) else message.at
    return {
        "device": boot.device,
        "boot": boot.boot,
        "sequence": message.sequence,
        "at_s": _moment(said, received_s),
        "received_s": received_s,
        "body": to_json(message).decode(),
    }


def _moment(said: str, received_s: float) -> float:
    """The device's word for when, or the time of arrival where it cannot be read: losing the message were worse."""
    try:
        return unix_s(said)
    except (ValueError, OverflowError):
        return received_s


def _gap_row(boot: _BootRow, gap: Span, received_s: float) -> dict[str, Any]:
    return {
        "device": boot.device,
        "boot": boot.boot,
        "first_sequence": gap.first,
        "last_sequence": gap.last,
        "noticed_s": received_s,
    }


def _load_boots(connection: Connection, arrivals: Sequence[Arrival]) -> dict[tuple[str, str], _BootRow]:
    """A row for each boot a batch speaks of; locked until the transaction ends, where the database can."""
    named = {(a.topic.device, a.message.boot) for a in arrivals if isinstance(a.message, Batch)}
    kinds = ("telemetry", "events", "reported")
    boots = {key: _BootRow(*key, Progress(), dict.fromkeys(kinds, 0), Boot(*key, None)) for key in named}
    if not named:
        return boots
    for row in bulk.find(connection, tables.PROGRESS, list(named)):
        boot = boots[row.device, row.boot]
        boot.known = True
        boot.progress = Progress(row.acknowledged, msgspec.json.decode(row.above, type=tuple[Span, ...]))
        boot.newest_report = None if boot.progress.above else 0
        boot.stored = {kind: getattr(row, kind) for kind in kinds}
        if row.counters is not None:
            boot.sums.last = msgspec.json.decode(row.counters, type=Tally)
        elif row.telemetry:
            boot.sums = roll_up_stored(connection, row.device, row.boot)
    return boots


def _save_boots(connection: Connection, boots: Iterable[_BootRow]) -> None:
    """A boot that is new must not be there by now: otherwise its messages would be stored twice."""
    rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for boot in boots:
        row = {
            "device": boot.device,
            "boot": boot.boot,
            "acknowledged": boot.progress.acknowledged,
            "above": to_json(boot.progress.above).decode(),
            "counters": None if boot.sums.last is None else to_json(boot.sums.last).decode(),
            **boot.stored,
        }
        rows[boot.known].append(row)
    bulk.upsert(connection, tables.PROGRESS, rows[True])
    bulk.insert(connection, tables.PROGRESS, rows[False])


def _quarantine(connection: Connection, refusals: Sequence[Refusal]) -> None:
    """Count the refusals and keep the sample of each kind's latest."""
    table = tables.QUARANTINE
    counts = Counter(("/".join(refusal.topic), refusal.cause) for refusal in refusals)
    latest = {("/".join(refusal.topic), refusal.cause): refusal for refusal in refusals}
    for (topic, cause), refusal in sorted(latest.items()):
        said = {"last_s": refusal.received_s, "detail": refusal.detail, "sample": refusal.sample}
        here, more = (table.c.topic == topic) & (table.c.cause == cause), counts[topic, cause]
        counted = connection.execute(table.update().where(here).values(messages=table.c.messages + more, **said))
        if counted.rowcount == 0:
            key = {"topic": topic, "cause": cause, "messages": more, "first_s": refusal.received_s}
            connection.execute(table.insert().values(**key, **said))
