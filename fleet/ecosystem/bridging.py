"""Runs an adapter between the fleet's broker and another system's until told to stop."""

from __future__ import annotations

import contextlib
import secrets
import signal
import threading
from collections.abc import Callable, Iterator

from contract.device import Broker
from contract.errors import LinkError
from contract.messages import decode
from contract.topics import Kind, every_device, parse
from fleet.ecosystem.sparkplug import EdgeNode
from fleet.link import Neighbour

_HEARD: tuple[Kind, ...] = ("birth", "presence", "telemetry")


@contextlib.contextmanager
def sparkplug(fleet: str, broker: Broker, host: Broker, group: str, node: str) -> Iterator[EdgeNode]:
    """Within the block, the fleet behind `broker` is the edge node GROUP/NODE at `host`'s broker."""
    edge = EdgeNode(group, node, lambda topic, payload: towards.publish(topic, payload))

    def fleet_said(text: str, payload: bytes, _retained: bool) -> None:
        try:
            said = parse(text)
            message = decode(said.kind, payload, where=text)
        except LinkError:
            return  # the collector quarantines it; here it is nobody's
        edge.heard(said.device, message)

    commands = [edge.command_topic]
    # One name, so that a second bridge replaces the first and two never speak as one node.
    name = f"edgeferry-sparkplug-{group}-{node}"
    towards = Neighbour(host, name, commands, lambda _t, payload, _r: edge.command(payload), will=edge.will)
    towards.on_connected = edge.connected
    topics = [every_device(fleet, kind) for kind in _HEARD]
    listening = Neighbour(broker, f"edgeferry-bridge-{secrets.token_hex(6)}", topics, fleet_said)
    towards.open()
    try:
        listening.open()
        try:
            yield edge
        finally:
            listening.close()
    finally:
        topic, payload = edge.death()
        towards.publish(topic, payload, qos=1, wait_s=2.0)
        towards.close()


def run_sparkplug(
    fleet: str, broker: Broker, host: Broker, group: str, node: str, on_ready: Callable[[], None]
) -> None:
    """The same until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with sparkplug(fleet, broker, host, group, node):
        on_ready()
        stop.wait()
