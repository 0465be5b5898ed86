"""The connection to a real mosquitto: who we are, what reaches us, and what does not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.codec import to_json
from contract.device import Broker as BrokerConfig
from contract.errors import ConfigError, LinkError
from contract.messages import Birth, Command
from contract.topics import Kind
from edge.link import Address, Link, address_of
from tests.broker import Broker, free_port
from tests.edge.collector import PATIENCE_S, Collector

BIRTH = Birth(
    at="", boot="b1", profile="rpi4", edgeferry="0", python="3", backend="none", model="digits@1", digest=None
)


class Inbox:
    """What a link hands over."""

    def __init__(self) -> None:
        self.messages: list[tuple[Kind, bytes]] = []
        self.came = threading.Event()

    def __call__(self, kind: Kind, payload: bytes) -> None:
        self.messages.append((kind, payload))
        self.came.set()


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def link_to(url: str, inbox: Inbox, **more: str) -> Link:
    return Link(BrokerConfig(url=url, **more), "test", "cam-1", boot="b1", birth=lambda: BIRTH, on_message=inbox)


@pytest.fixture
def link(broker: Broker, inbox: Inbox) -> Iterator[Link]:
    made = link_to(broker.url, inbox)
    yield made
    made.close()


def test_presence_and_birth_are_retained_for_whoever_comes_later(broker: Broker, link: Link) -> None:
    link.connect_now(PATIENCE_S)
    with Collector(broker.port) as collector:
        collector.wait_until(lambda: bool(collector.births and collector.presence))
        assert collector.births == [BIRTH]
        assert [p.online for p in collector.presence] == [True]


def test_leaving_and_dying_both_end_in_offline(broker: Broker, link: Link, inbox: Inbox) -> None:
    with Collector(broker.port) as collector:
        link.connect_now(PATIENCE_S)
        link.close()
        collector.wait_until(lambda: [p.online for p in collector.presence] == [True, False])
        dying = link_to(broker.url, inbox)
        dying.connect_now(PATIENCE_S)
        taker = link_to(broker.url, inbox)
        taker.connect_now(PATIENCE_S)  # the broker cuts the first connection off, and speaks its will
        collector.wait_until(lambda: False in [p.online for p in collector.presence[3:]])
        dying.close()
        taker.close()


def test_only_what_is_addressed_to_this_device_reaches_it(broker: Broker, link: Link, inbox: Inbox) -> None:
    with Collector(broker.port) as collector:
        link.connect_now(PATIENCE_S)
        client = link._client
        assert client is not None
        client.subscribe("#", qos=1)  # what amqtt does to everybody
        for foreign in ("edgeferry/v1/test/cam-2/desired", "homeassistant/status", "edgeferry/v1/other/cam-1/command"):
            collector.publish_raw(foreign, b"x")
        collector.publish("cam-1", "command", to_json(Command(id="c", verb="ping")))
        assert inbox.came.wait(PATIENCE_S)
        assert {kind for kind, _ in inbox.messages} == {"command"}


def test_a_retained_assignment_arrives_with_the_connection(broker: Broker, link: Link, inbox: Inbox) -> None:
    with Collector(broker.port) as collector:
        collector.publish("cam-1", "desired", b"signed")
    link.connect_now(PATIENCE_S)
    assert inbox.came.wait(PATIENCE_S)
    assert inbox.messages == [("desired", b"signed")]


def test_a_connection_comes_back_after_the_broker_did(broker: Broker, inbox: Inbox) -> None:
    connections = threading.Semaphore(0)
    config = BrokerConfig(url=broker.url)
    link = Link(
        config,
        "test",
        "cam-1",
        boot="b1",
        birth=lambda: BIRTH,
        on_message=inbox,
        on_connected=lambda: connections.release(),
    )
    link.start()
    assert connections.acquire(timeout=PATIENCE_S)
    broker.stop()
    broker.start()
    assert connections.acquire(timeout=PATIENCE_S)
    assert link.publish("reply", b"{}")
    link.close()


def test_a_broker_that_is_not_there_is_one_sentence(inbox: Inbox) -> None:
    absent = link_to(f"mqtt://127.0.0.1:{free_port()}", inbox)
    with pytest.raises(LinkError, match=r"cannot be reached.*refused"):
        absent.connect_now(0.5)


def test_nothing_is_published_without_a_connection(inbox: Inbox) -> None:
    assert not link_to("mqtt://127.0.0.1:1", inbox).publish("reply", b"{}")


def test_a_server_that_is_no_broker_is_not_waited_for_forever(inbox: Inbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        link = link_to(f"mqtt://127.0.0.1:{mute.getsockname()[1]}", inbox)
        with pytest.raises(LinkError):
            link.connect_now(0.5)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker.local", Address("broker.local", 1883, False)),
        ("mqtts://broker.local", Address("broker.local", 8883, True)),
        ("mqtt://[::1]:1900/", Address("::1", 1900, False)),
    ],
)
def test_addresses_have_the_usual_ports(url: str, address: Address) -> None:
    assert address_of(url) == address


@pytest.mark.parametrize("url", ["broker.local:1883", "http://broker", "mqtt://", "mqtt://h:99999", "mqtt://h/path"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="not a broker's address"):
        address_of(url)


def test_files_of_the_connection_are_looked_at_before_the_first_attempt(tmp_path: Path, inbox: Inbox) -> None:
    with pytest.raises(ConfigError, match="password"):
        link_to("mqtt://h", inbox, username="u", password_file=str(tmp_path / "absent"))
    with pytest.raises(ConfigError, match="TLS"):
        link_to("mqtts://h", inbox, ca_file=str(tmp_path / "absent"))


def test_a_connection_that_confirms_nothing_is_given_up(broker: Broker, inbox: Inbox) -> None:
    connected = threading.Semaphore(0)
    link = Link(
        BrokerConfig(url=broker.url),
        "test",
        "cam-1",
        boot="b1",
        birth=lambda: BIRTH,
        on_message=inbox,
        on_connected=connected.release,
        puback_s=0.3,
    )
    link.start()
    assert connected.acquire(timeout=PATIENCE_S)
    with broker.frozen():
        assert link.publish("reply", b"{}")
        assert not connected.acquire(timeout=1.0)
    assert connected.acquire(timeout=PATIENCE_S)
    link.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no TCP_USER_TIMEOUT")
def test_the_kernel_ends_a_connection_nobody_acknowledges(link: Link) -> None:
    link.connect_now(PATIENCE_S)
    assert link._client is not None
    connection = link._client.socket()
    assert isinstance(connection, socket.socket)
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


def test_topics_of_others_are_heard_and_spoken_on_where_asked(broker: Broker, inbox: Inbox) -> None:
    others, heard = list[tuple[str, bytes]](), threading.Event()

    def note(text: str, payload: bytes) -> None:
        others.append((text, payload))
        heard.set()

    link = Link(
        BrokerConfig(url=broker.url),
        "test",
        "cam-1",
        boot="b1",
        birth=lambda: BIRTH,
        on_message=inbox,
        also=("house/status",),
        on_other=note,
    )
    link.connect_now(PATIENCE_S)
    assert link.publish_raw("house/unheard", b"x")
    assert link.publish_raw("house/status", b"online")
    assert heard.wait(PATIENCE_S)
    assert others == [("house/status", b"online")]
    assert inbox.messages == []
    link.close()
    assert not link.publish_raw("house/status", b"online")
