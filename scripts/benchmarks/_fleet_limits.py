"""What the broker alone and PostgreSQL alone can do on this machine: the limits a collector is measured against."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any

import psycopg

from contract.codec import to_json
from contract.messages import Batch
from fleet.simulator import packets
from tests.broker import Broker
from tests.fleet.simulated import reading

_TOGETHER = 1000
_TABLE = """CREATE TABLE copied (device varchar(63), boot varchar(64), sequence bigint, at_s float8,
 received_s float8, body text, PRIMARY KEY (device, boot, sequence))"""
_READ_BYTES = 1 << 18


def broker_messages_per_s(broker: Broker, readings: int, messages: int) -> float:
    """Messages of so many readings a second through the broker at QoS 1, from one raw sender to one raw receiver.

    Both ends only count packets, so that the broker is what limits.
    """
    payload = to_json(Batch(boot="limit", oldest=1, telemetry=tuple(reading(n) for n in range(1, readings + 1))))
    receiver, sender = _joined(broker, "limit-in"), _joined(broker, "limit-out")
    receiver.sendall(packets.subscribe(1, ["limit/test"]))
    receiver.recv(5)
    counting = threading.Thread(target=_swallow, args=(receiver, messages))
    counting.start()
    began_s = time.monotonic()
    swallowing = threading.Thread(target=_drain, args=(sender,), daemon=True)
    swallowing.start()
    for number in range(messages):
        sender.sendall(packets.publish(number % 65_535 + 1, "limit/test", payload, retain=False))
    counting.join()
    lasted_s = time.monotonic() - began_s
    for end in (sender, receiver):
        end.close()
    return messages / lasted_s


def copy_rows_per_s(dsn: str, rows: int) -> float:
    """Rows like a reading's into PostgreSQL by COPY, a thousand a transaction, with the primary key they have."""
    body = to_json(reading(1)).decode()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_TABLE)
        began_s = time.monotonic()
        for begin in range(0, rows, _TOGETHER):
            with connection.transaction(), connection.cursor().copy("COPY copied FROM STDIN") as copy:
                for number in range(begin, begin + _TOGETHER):
                    copy.write_row((f"cam-{number % 200}", "boot", number, 1.0, 1.0, body))
        lasted_s = time.monotonic() - began_s
        connection.execute("DROP TABLE copied")
    return rows / lasted_s


def _joined(broker: Broker, name: str) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", broker.port))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.sendall(packets.connect(name, keepalive_s=60, will=("limit/will", b"")))
    made.recv(4)
    return made


def _swallow(receiver: socket.socket, messages: int) -> None:
    """Confirm every message; ends after so many."""
    reader, seen = packets.Reader(), 0
    while seen < messages:
        confirmed: list[Any] = []
        for packet in reader.feed(receiver.recv(_READ_BYTES)):
            if packet.kind == packets.PUBLISH:
                seen += 1
                number = packets.published(packet).number
                confirmed += [packets.puback(number)] if number else []
        if confirmed:
            receiver.sendall(b"".join(confirmed))


def _drain(sender: socket.socket) -> None:
    """The broker's confirmations."""
    with contextlib.suppress(OSError):
        while sender.recv(_READ_BYTES):
            pass
