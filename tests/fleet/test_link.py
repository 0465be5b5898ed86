"""The connection to the broker."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest

from contract.device import Broker as Address
from contract.errors import ConfigError, LinkError
from fleet.link import Link
from tests.broker import Broker, free_port
from tests.fleet.server_process import eventually
from tests.fleet.simulated import FLEET, SimulatedDevice


def test_it_hears_every_device_of_its_fleet_and_tells_what_was_retained(broker: Broker) -> None:
    device = SimulatedDevice(broker.port, "cam-1")
    heard: queue.Queue[tuple[str, bytes, bool]] = queue.Queue()
    link = Link(Address(url=broker.url), FLEET, lambda *said: heard.put(said))
    link.open()
    link.listen()
    first = {heard.get(timeout=5)[0].rsplit("/", 1)[-1] for _ in range(2)}
    assert first == {"birth", "presence"}
    device.send([1])
    topic, _, retained = heard.get(timeout=5)
    assert (topic, retained) == (f"edgeferry/v1/{FLEET}/cam-1/telemetry", False)
    link.close()
    device.stop()


def test_a_broker_that_is_not_there_is_said_at_once() -> None:
    with pytest.raises(LinkError, match="no broker"):
        Link(Address(url=f"mqtt://127.0.0.1:{free_port()}"), FLEET, lambda *_: None).open()


def test_a_missing_password_file_is_said_before_connecting(broker: Broker, tmp_path: Path) -> None:
    address = Address(url=broker.url, username="fleet", password_file=str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="credentials"):
        Link(address, FLEET, lambda *_: None)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:1883", "mqtt://u:p@127.0.0.1", "mqtt://h:notaport"])
def test_an_address_that_is_no_brokers_is_one_sentence(url: str) -> None:
    with pytest.raises(ConfigError, match=r"mqtt://HOST\[:PORT\]"):
        Link(Address(url=url), FLEET, lambda *_: None)


def test_of_two_that_share_each_message_reaches_one_and_who_is_there_reaches_both(broker: Broker) -> None:
    heard: tuple[list[str], list[str]] = ([], [])
    links = [Link(Address(url=broker.url), FLEET, lambda topic, *_, to=to: to.append(topic)) for to in heard]
    for link in links:
        link.open()
        link.listen()
    device = SimulatedDevice(broker.port, "cam-1")
    for number in range(1, 11):
        device.send([number])
    assert eventually(lambda: sum(topic.endswith("telemetry") for topic in heard[0] + heard[1]) == 10)
    assert all(any(topic.endswith("telemetry") for topic in one) for one in heard)
    assert all(any(topic.endswith("birth") for topic in one) for one in heard)
    assert [link.shares for link in links] == [True, True]
    for link in links:
        link.close()
    device.stop()


def test_one_that_wants_answers_alone_hears_nothing_else(broker: Broker) -> None:
    heard: list[str] = []
    link = Link(Address(url=broker.url), FLEET, lambda topic, *_: heard.append(topic), share=False, kinds=("reply",))
    link.open()
    link.listen()
    device = SimulatedDevice(broker.port, "cam-1")
    device.send([1])
    device.publish("reply", b"{}")
    assert eventually(lambda: bool(heard))
    assert heard == [f"edgeferry/v1/{FLEET}/cam-1/reply"]
    link.close()
    device.stop()


def test_without_sharing_everything_is_heard(broker: Broker) -> None:
    heard: tuple[list[str], list[str]] = ([], [])
    links = [Link(Address(url=broker.url), FLEET, lambda t, *_, to=to: to.append(t), share=False) for to in heard]
    for link in links:
        link.open()
        link.listen()
    device = SimulatedDevice(broker.port, "cam-1")
    device.send([1])
    assert eventually(lambda: all(any(topic.endswith("telemetry") for topic in one) for one in heard))
    for link in links:
        link.close()
    device.stop()
