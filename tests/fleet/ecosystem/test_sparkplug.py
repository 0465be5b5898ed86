"""The fleet as an edge node, heard by a host that checks the specification's rules on a real broker."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from contract.device import Broker as BrokerAddress
from contract.errors import ConfigError
from contract.messages import Batch, Birth, Presence
from contract.moments import rfc3339
from fleet.ecosystem.bridging import sparkplug
from fleet.ecosystem.sparkplug import METRICS, EdgeNode
from fleet.ecosystem.sparkplug_payload import BOOLEAN, INT64, Payload, put, value_of
from tests.broker import Broker
from tests.fleet.simulated import DIGEST, FLEET, SimulatedDevice, reading

GROUP, NODE = "plant", "cameras"


class Host:
    """A host application: decodes by the births alone, and holds each message against the rules."""

    def __init__(self, port: int) -> None:
        self.said: queue.Queue[tuple[str, str, Any]] = queue.Queue()
        self.aliases: dict[int, tuple[str, str, int]] = {}
        self.seq = self.bd_seq = -1
        self.born: set[str] = set()
        self.broken: list[str] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="host", protocol=paho.MQTTv311)
        self._client.on_message = lambda _c, _u, message: self._hear(message)
        ready: queue.Queue[bool] = queue.Queue()
        self._client.on_subscribe = lambda *_: ready.put(True)
        self._client.on_connect = lambda client, *_: client.subscribe(f"spBv1.0/{GROUP}/#", 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        ready.get(timeout=10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def command(self, name: str, value: bool = True) -> None:
        payload = Payload(timestamp=1)
        metric = payload.metrics.add(name=name, datatype=BOOLEAN)
        put(metric, value, BOOLEAN)
        self._client.publish(f"spBv1.0/{GROUP}/NCMD/{NODE}", payload.SerializeToString())

    def next(self, kind: str, *, timeout_s: float = 10.0) -> tuple[str, dict[str, Any], Any]:
        """The next message of this kind: device, values by name, payload."""
        while True:
            found, device, payload = self.said.get(timeout=timeout_s)
            if found == kind:
                named = {self._name(metric): value_of(metric) for metric in payload.metrics}
                return device, named, payload

    def _name(self, metric: Any) -> str:
        return metric.name or self.aliases[metric.alias][1]

    def _rule(self, holds: bool, words: str) -> None:
        if not holds:
            self.broken.append(words)

    def _hear(self, message: paho.MQTTMessage) -> None:
        _, group, kind, node, *rest = message.topic.split("/")
        if kind == "NCMD":
            return
        device, payload = (rest or [""])[0], Payload.FromString(bytes(message.payload))
        self._rule((group, node) == (GROUP, NODE), "topic")
        self._rule(not message.retain, "nothing is retained")
        self._rule(message.qos == (1 if kind == "NDEATH" else 0), f"{kind} has QoS {message.qos}")
        self._rule(payload.timestamp > 0, "a payload has a timestamp")
        getattr(self, f"_{kind.lower()}")(device, payload)
        self.said.put((kind, device, payload))

    def _sequence(self, payload: Any) -> None:
        self._rule(payload.seq == (self.seq + 1) % 256, f"sequence {payload.seq} after {self.seq}")
        self.seq = payload.seq

    def _nbirth(self, _device: str, payload: Any) -> None:
        self._rule(payload.HasField("seq") and payload.seq == 0, "an NBIRTH is number 0")
        self.seq, self.born, self.aliases = 0, set(), {}
        named = {metric.name: metric for metric in payload.metrics}
        self._rule(named["bdSeq"].datatype == INT64, "bdSeq has a type")
        self.bd_seq = named["bdSeq"].long_value
        self._rule(value_of(named["Node Control/Rebirth"]) is False, "a birth offers rebirth as false")

    def _dbirth(self, device: str, payload: Any) -> None:
        self._sequence(payload)
        self.born.add(device)
        for metric in payload.metrics:
            self._rule(bool(metric.name and metric.datatype and metric.timestamp), "a birth names, types and dates")
            self._rule(self.aliases.get(metric.alias, (device,))[0] == device, "aliases are unique in the node")
            self.aliases[metric.alias] = (device, metric.name, metric.datatype)

    def _ddata(self, device: str, payload: Any) -> None:
        self._sequence(payload)
        self._rule(device in self.born, "data comes after a birth")
        for metric in payload.metrics:
            self._rule(not metric.name and not metric.datatype, "data is said by alias alone")
            self._rule(self.aliases.get(metric.alias, ("",))[0] == device, "an alias is one of this device's birth")
            self._rule(metric.timestamp > 0, "a value has a timestamp")

    def _ddeath(self, device: str, payload: Any) -> None:
        self._sequence(payload)
        self._rule(device in self.born, "only the born die")
        self.born.discard(device)

    def _ndeath(self, _device: str, payload: Any) -> None:
        self._rule(not payload.HasField("seq"), "a death has no sequence number")
        self._rule([metric.name for metric in payload.metrics] == ["bdSeq"], "a death says bdSeq")
        self._rule(payload.metrics[0].long_value == self.bd_seq, "a death belongs to its birth")


@pytest.fixture
def host(broker: Broker) -> Iterator[Host]:
    running = Host(broker.port)
    yield running
    running.close()
    assert running.broken == []


def bridged(broker: Broker) -> Any:
    address = BrokerAddress(url=broker.url)
    return sparkplug(FLEET, address, address, GROUP, NODE)


def test_a_device_lives_and_dies_as_the_specification_wants(broker: Broker, host: Host) -> None:
    device = SimulatedDevice(broker.port, "cam-7", site="gate")
    with bridged(broker):
        _, node, _ = host.next("NBIRTH")
        assert node["bdSeq"] == 0
        name, born, payload = host.next("DBIRTH")
        assert (name, len(payload.metrics)) == ("cam-7", len(METRICS))
        assert (born["Properties/Site"], born["Model"]) == ("gate", "digits@1")
        assert (born["Temperature C"], payload.metrics[8].is_null) == (None, True)
        device.read_on(rate=12.5)
        _, said, _ = host.next("DDATA")
        assert (said["Frames per second"], said["Frames/Dropped"], said["Temperature C"]) == (12.5, 8, 51.5)
        device.read_on(rate=11.0)
        assert host.next("DDATA")[1] == {"Frames per second": 11.0}
        device.stop()
        assert host.next("DDEATH")[0] == "cam-7"
        again = SimulatedDevice(broker.port, "cam-7")
        assert host.next("DBIRTH")[1]["Frames per second"] == 11.0
    assert host.next("NDEATH")[1] == {"bdSeq": 0}
    again.stop()


def test_a_host_that_came_late_asks_for_everything_again(broker: Broker, host: Host) -> None:
    devices = [SimulatedDevice(broker.port, name) for name in ("cam-1", "cam-2")]
    with bridged(broker):
        assert {host.next("DBIRTH")[0] for _ in devices} == {"cam-1", "cam-2"}
        host.command("Node Control/Scan rate")
        host.command("Node Control/Rebirth", value=False)
        host.command("Node Control/Rebirth")
        assert host.next("NBIRTH")[1]["bdSeq"] == 0
        assert {host.next("DBIRTH")[0] for _ in devices} == {"cam-1", "cam-2"}
    for device in devices:
        device.stop()


def test_what_waited_in_an_outbox_is_history(broker: Broker, host: Host) -> None:
    device = SimulatedDevice(broker.port, "cam-7")
    with bridged(broker):
        host.next("DBIRTH")
        device.send([1, 2, 3], at_s=1_700_000_000.0)
        said = [host.next("DDATA")[2] for _ in range(3)]
        assert [all(m.is_historical for m in payload.metrics) for payload in said] == [True, True, False]
        assert said[0].metrics[0].timestamp == 1_700_000_000_000
        device.send([4], at_s=1_600_000_000.0)
        assert host.next("DDATA")[2].metrics[0].is_historical
    device.stop()


class Heard:
    """A node without a broker, and what it says."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Any]] = []
        self.node = EdgeNode("g", "n", lambda topic, data: self.said.append((topic, Payload.FromString(data))))
        self.node.will()
        self.node.connected()

    def birth(self, boot: str = "b") -> None:
        birth = Birth(
            at=rfc3339(0), boot=boot, profile="p", edgeferry="0", python="3", backend="x", model="m@1", digest=DIGEST
        )
        self.node.heard("cam", birth)
        self.node.heard("cam", Presence(boot=boot, online=True))


def test_the_sequence_goes_around_after_255() -> None:
    heard = Heard()
    heard.birth()
    for n in range(1, 301):
        heard.node.heard("cam", Batch(boot="b", oldest=n, telemetry=(reading(n, rate=float(n)),)))
    assert [payload.seq for _, payload in heard.said] == [n % 256 for n in range(302)]


def test_each_connection_has_a_number_and_nothing_is_said_between_two() -> None:
    heard = Heard()
    heard.birth()
    topic, will = heard.node.will()
    assert (topic, Payload.FromString(will).metrics[0].long_value) == ("spBv1.0/g/NDEATH/n", 1)
    before = len(heard.said)
    heard.node.heard("cam", Batch(boot="b", oldest=1, telemetry=(reading(1),)))
    assert len(heard.said) == before
    heard.node.connected()
    kinds = [topic.split("/")[2] for topic, _ in heard.said[before:]]
    assert kinds == ["NBIRTH", "DBIRTH"]
    assert heard.said[before][1].metrics[0].long_value == 1


def test_the_will_of_an_earlier_boot_kills_nobody() -> None:
    heard = Heard()
    heard.birth("old")
    heard.birth("new")
    heard.node.heard("cam", Presence(boot="old", online=False))
    assert "DDEATH" not in {topic.split("/")[2] for topic, _ in heard.said}


@pytest.mark.parametrize("junk", [b"", b"\xff\xff", b"nonsense", b"\x12\x00"])
def test_no_command_breaks_the_node(junk: bytes) -> None:
    heard = Heard()
    heard.node.command(junk)
    assert len(heard.said) == 1


@pytest.mark.parametrize("name", ["", "a/b", "a+", "#"])
def test_a_name_that_cannot_stand_in_a_topic_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a node"):
        EdgeNode("g", name, lambda *_: None)


def test_signed_numbers_are_twos_complement() -> None:
    metric = Payload().metrics.add()
    put(metric, -1, INT64)
    assert metric.long_value == 2**64 - 1


def test_bytes_are_those_of_the_specification() -> None:
    """Field numbers by hand: timestamp 1, metrics 2, seq 3; name 1, alias 2, datatype 4, double 13."""
    payload = Payload(timestamp=1, seq=2)
    put(payload.metrics.add(name="x", alias=3, datatype=10), 1.0, 10)
    metric = b"\x0a\x01x\x10\x03\x20\x0a\x69\x00\x00\x00\x00\x00\x00\xf0\x3f"
    assert payload.SerializeToString() == b"\x08\x01\x12" + bytes([len(metric)]) + metric + b"\x18\x02"


def test_the_command_bridges_until_it_is_told_to_stop(broker: Broker, host: Host, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgeferry", "fleet", "bridge", "sparkplug", "--fleet", FLEET]
    command += ["--broker", broker.url, "--group", GROUP, "--node", NODE]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, cwd=tmp_path)
    try:
        host.next("NBIRTH", timeout_s=20)
        process.send_signal(signal.SIGTERM)
        assert host.next("NDEATH")[1] == {"bdSeq": 0}
        assert process.wait(10) == 0
    finally:
        process.kill()
        assert process.stderr is not None
        process.stderr.close()
