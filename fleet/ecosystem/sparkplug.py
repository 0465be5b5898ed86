"""A fleet as one Sparkplug B edge node with its devices: what is published when, without a connection of its own.

By Eclipse Sparkplug 3.0: births before data, one sequence number from 0 to 255 over everything the node says, aliases
instead of names in data, readings that waited in a device's outbox marked as historical, and everything said again when
a host asks by `Node Control/Rebirth`. `bdSeq` ties a death to its birth and grows with each connection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from contract.errors import ConfigError
from contract.messages import Batch, Birth, Presence, Telemetry
from contract.moments import unix_s
from fleet.ecosystem.sparkplug_payload import BOOLEAN, DOUBLE, INT64, STRING, UINT64, Payload, put, value_of

NAMESPACE = "spBv1.0"
REBIRTH = "Node Control/Rebirth"
BD_SEQ = "bdSeq"
_NUMBERS = 256
Publish = Callable[[str, bytes], None]
"""At QoS 0 and not retained, as births and data must be."""


class Metric(NamedTuple):
    """One thing said of a device."""

    name: str
    datatype: int


METRICS = (
    Metric("Properties/Profile", STRING),
    Metric("Properties/Site", STRING),
    Metric("Properties/Software", STRING),
    Metric("Model", STRING),
    Metric("Frames per second", DOUBLE),
    Metric("Latency p50 ms", DOUBLE),
    Metric("Latency p95 ms", DOUBLE),
    Metric("Mean confidence", DOUBLE),
    Metric("Temperature C", DOUBLE),
    Metric("Throttled", BOOLEAN),
    Metric("Under voltage", BOOLEAN),
    Metric("Frames/Captured", UINT64),
    Metric("Frames/Inferred", UINT64),
    Metric("Frames/Dropped", UINT64),
    Metric("Frames/Damaged", UINT64),
    Metric("Drift/Input changed", BOOLEAN),
    Metric("Drift/Model suffering", BOOLEAN),
)
Values = dict[str, object]


@dataclass(slots=True)
class _Device:
    first_alias: int
    birth: Birth | None = None
    online: bool = False
    born: bool = False
    values: Values = field(default_factory=dict)
    """As last said, or to be said at birth."""
    at_s: float = 0.0


class EdgeNode:
    """Threads may share it: the fleet's messages come on one, the host's commands on another."""

    def __init__(self, group: str, node: str, publish: Publish) -> None:
        for word, value in (("group", group), ("node", node)):
            if not value or set(value) & set("+#/"):
                raise ConfigError(f"{value!r} cannot name a {word}", where=f"--{word}", fix="Leave out + # and /.")
        self._group, self._node, self._publish = group, node, publish
        self._lock = threading.Lock()
        self._devices: dict[str, _Device] = {}
        self._bd_seq, self._seq, self._up = -1, 0, False

    @property
    def command_topic(self) -> str:
        """Where hosts speak to the node."""
        return self.topic("NCMD")

    def topic(self, kind: str, device: str = "") -> str:
        """`spBv1.0/GROUP/KIND/NODE[/DEVICE]`."""
        tail = f"/{device}" if device else ""
        return f"{NAMESPACE}/{self._group}/{kind}/{self._node}{tail}"

    def will(self) -> tuple[str, bytes]:
        """Topic and payload of the death of the connection that begins now: each has a `bdSeq` of its own."""
        with self._lock:
            self._bd_seq = (self._bd_seq + 1) % _NUMBERS
            self._up = False
            return self.topic("NDEATH"), self._death()

    def connected(self) -> None:
        """The host's broker is there and commands are heard: be born, with every device that is online."""
        with self._lock:
            self._up = True
            self._bear_all()

    def death(self) -> tuple[str, bytes]:
        """What to say before leaving in good order, because then nobody sends the will."""
        with self._lock:
            self._up = False
            return self.topic("NDEATH"), self._death()

    def command(self, payload: bytes) -> None:
        """Something from a host; only a rebirth is known."""
        try:
            wanted = Payload.FromString(payload)
        except DecodeError:
            return
        if any(metric.name == REBIRTH and value_of(metric) is True for metric in wanted.metrics):
            with self._lock:
                if self._up:
                    self._bear_all()

    def heard(self, name: str, message: object) -> None:
        """A birth, a presence or a batch of one of the fleet's devices."""
        with self._lock:
            device = self._devices.get(name)
            if device is None:
                device = self._devices[name] = _Device(1 + len(self._devices) * len(METRICS))
            if isinstance(message, Birth):
                self._birth(name, device, message)
            elif isinstance(message, Presence):
                self._presence(name, device, message)
            elif isinstance(message, Batch):
                self._batch(name, device, message)

    def _birth(self, name: str, device: _Device, birth: Birth) -> None:
        device.birth = birth
        said: Values = {
            "Properties/Profile": birth.profile,
            "Properties/Site": birth.site,
            "Properties/Software": birth.edgeferry,
            "Model": birth.model,
        }
        self._say(name, device, said, time.time(), historical=False)
        self._bear(name, device)

    def _presence(self, name: str, device: _Device, presence: Presence) -> None:
        if not presence.online and device.birth is not None and device.birth.boot != presence.boot:
            return  # the will of a connection before this one
        device.online = presence.online
        if presence.online:
            self._bear(name, device)
        elif device.born:
            device.born = False
            self._send("DDEATH", name, self._payload())

    def _batch(self, name: str, device: _Device, batch: Batch) -> None:
        """Its newest reading is the present, unless a later one is known; the others are history."""
        for reading in batch.telemetry:
            at_s = _moment(reading)
            of_this_boot = device.birth is None or batch.boot == device.birth.boot
            newest = of_this_boot and reading is batch.telemetry[-1] and at_s >= device.at_s
            if newest:
                device.at_s = at_s
            self._say(name, device, _values(reading), at_s, historical=not newest)

    def _bear_all(self) -> None:
        self._seq = 0
        payload = Payload(timestamp=_ms(time.time()), seq=self._next())
        _add(payload, BD_SEQ, None, INT64, self._bd_seq, payload.timestamp)
        _add(payload, REBIRTH, None, BOOLEAN, False, payload.timestamp)
        _add(payload, "Properties/Software", None, STRING, metadata.version("edgeferry"), payload.timestamp)
        self._publish(self.topic("NBIRTH"), payload.SerializeToString())
        for name, device in self._devices.items():
            device.born = False
            self._bear(name, device)

    def _bear(self, name: str, device: _Device) -> None:
        """A DBIRTH names every metric there will ever be, with its alias, type and present value."""
        if device.born or not device.online or device.birth is None or not self._up:
            return
        payload = self._payload()
        for number, metric in enumerate(METRICS):
            value = device.values.get(metric.name)
            _add(payload, metric.name, device.first_alias + number, metric.datatype, value, payload.timestamp)
        self._send("DBIRTH", name, payload)
        device.born = True

    def _say(self, name: str, device: _Device, values: Values, at_s: float, *, historical: bool) -> None:
        """What has changed, by alias; of history all that is known, for nobody has seen it."""
        known = device.values
        changed = values if historical else {key: v for key, v in values.items() if known.get(key) != v}
        if not historical:
            device.values = known | values
        if not changed or not device.born or not self._up:
            return
        payload = self._payload()
        for number, metric in enumerate(METRICS):
            if metric.name in changed:
                one = _add(payload, None, device.first_alias + number, None, None, _ms(at_s))
                put(one, changed[metric.name], metric.datatype)
                if historical:
                    one.is_historical = True
        self._send("DDATA", name, payload)

    def _payload(self) -> Any:
        return Payload(timestamp=_ms(time.time()), seq=self._next())

    def _send(self, kind: str, device: str, payload: Any) -> None:
        if self._up:
            self._publish(self.topic(kind, device), payload.SerializeToString())

    def _next(self) -> int:
        number, self._seq = self._seq, (self._seq + 1) % _NUMBERS
        return number

    def _death(self) -> bytes:
        """Without a sequence number: a will is written before anything is said."""
        payload = Payload(timestamp=_ms(time.time()))
        _add(payload, BD_SEQ, None, INT64, self._bd_seq, payload.timestamp)
        data: bytes = payload.SerializeToString()
        return data


def _add(payload: Any, name: str | None, alias: int | None, datatype: int | None, value: object, timestamp: int) -> Any:
    """One more metric; the value only where its type is given."""
    metric = payload.metrics.add(timestamp=timestamp)
    if name is not None:
        metric.name = name
    if alias is not None:
        metric.alias = alias
    if datatype is not None:
        metric.datatype = datatype
        put(metric, value, datatype)
    return metric


def _values(reading: Telemetry) -> Values:
    total = reading.latency_ms.get("total")
    said: Values = {
        "Frames per second": reading.frames_per_s,
        "Latency p50 ms": total.p50 if total else None,
        "Latency p95 ms": total.p95 if total else None,
        "Mean confidence": reading.mean_confidence,
        "Temperature C": reading.temperature_c,
        "Throttled": reading.throttled,
        "Under voltage": reading.under_voltage,
        "Frames/Captured": reading.ledger.captured,
        "Frames/Inferred": reading.ledger.inferred,
        "Frames/Dropped": sum(reading.ledger.dropped.values()),
        "Frames/Damaged": reading.ledger.damaged,
    }
    if reading.drift:
        said["Drift/Input changed"] = any(window.input_changed for window in reading.drift.values())
        said["Drift/Model suffering"] = any(window.model_suffering for window in reading.drift.values())
    return said


def _moment(reading: Telemetry) -> float:
    try:
        return unix_s(reading.at)
    except (ValueError, OverflowError):
        return time.time()


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1e3))
