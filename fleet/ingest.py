"""One transaction's worth of messages into the store: rows, progress, gaps, quarantine, and what may be acknowledged.

`record` runs inside the caller's transaction and knows no broker and no clock. It reads each touched device and boot
once, works on them in memory, and writes each once. A message is inserted only where `fleet/sequence.py` calls it
fresh, so delivering anything twice changes nothing.
"""

from __future__ import annotations

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
from fleet.sequence import Progress, take
from fleet.target_states import apply_reported

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
    known: bool
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
    for refusal in (arrival for arrival in arrivals if isinstance(arrival, Refusal)):
        _quarantine(connection, refusal)
    return [boot.due() for boot in work.boots.values()]


class _Work:
    """The rows one transaction touches."""

    def __init__(self, connection: Connection, arrivals: Sequence[Arrival]) -> None:
        self.connection = connection
        self.devices = load_devices(connection, {arrival.topic.device for arrival in arrivals})
        self.boots = _load_boots(connection, arrivals)
        self.inserts: dict[sa.Table, list[dict[str, Any]]] = {}

    def take(self, arrival: Arrival) -> None:
        """Let one message change its device, and its boot if it is a batch."""
        name = arrival.topic.device
        device = self.devices.setdefault(name, DeviceRow.unseen(name, arrival.received_s))
        message = arrival.message
        if isinstance(message, Birth):
            device.born(message)
        elif isinstance(message, Presence):
            device.present(message)
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
            self.inserts.setdefault(tables.GAPS, []).append(_gap_row(boot, gap, received_s))
        for sequence in sorted(step.fresh):
            message = messages[sequence]
            table = _TABLES[type(message)]
            boot.stored[table.name] += 1
            self.inserts.setdefault(table, []).append(_message_row(boot, message, received_s))
            if isinstance(message, Telemetry):
                device.read(batch.boot, message)
            elif isinstance(message, Reported):
                device.report(batch.boot, message)
                apply_reported(self.connection, device.device, message, received_s)

    def save(self) -> None:
        """Write everything, each row once."""
        for table, rows in self.inserts.items():
            self.connection.execute(table.insert(), rows)
        save_devices(self.connection, self.devices.values())
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
    boots = {
        key: _BootRow(*key, Progress(), dict.fromkeys(("telemetry", "events", "reported"), 0), False) for key in named
    }
    if not named:
        return boots
    table = tables.PROGRESS
    found = sa.select(table).where(sa.tuple_(table.c.device, table.c.boot).in_(list(named))).with_for_update()
    for row in connection.execute(found):
        boot = boots[row.device, row.boot]
        above = msgspec.json.decode(row.above, type=tuple[Span, ...])
        boot.progress, boot.known = Progress(row.acknowledged, above), True
        boot.stored = {"telemetry": row.telemetry, "events": row.events, "reported": row.reported}
    return boots


def _save_boots(connection: Connection, boots: Iterable[_BootRow]) -> None:
    table = tables.PROGRESS
    for boot in boots:
        values = {
            "acknowledged": boot.progress.acknowledged,
            "above": to_json(boot.progress.above).decode(),
            **boot.stored,
        }
        if boot.known:
            here = (table.c.device == boot.device) & (table.c.boot == boot.boot)
            connection.execute(table.update().where(here).values(values))
        else:
            connection.execute(table.insert().values(device=boot.device, boot=boot.boot, **values))


def _quarantine(connection: Connection, refusal: Refusal) -> None:
    """Count the refusal and keep its sample as the latest of its kind."""
    table = tables.QUARANTINE
    topic = "/".join(refusal.topic)
    latest = {"last_s": refusal.received_s, "detail": refusal.detail, "sample": refusal.sample}
    here = (table.c.topic == topic) & (table.c.cause == refusal.cause)
    counted = connection.execute(table.update().where(here).values(messages=table.c.messages + 1, **latest))
    if counted.rowcount == 0:
        key = {"topic": topic, "cause": refusal.cause, "messages": 1, "first_s": refusal.received_s}
        connection.execute(table.insert().values(**key, **latest))
