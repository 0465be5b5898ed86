"""One simulated device's connection to the broker: an asyncio protocol over `packets.py`.

It knows what the agent's link knows of MQTT: a clean session, a last will, QoS 1 both ways, few messages unconfirmed.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

from contract.errors import LinkError
from fleet.simulator import packets

KEEPALIVE_S = 1200
UNCONFIRMED = 20
"""At most so many messages without a PUBACK, as the agent has it."""
_ANSWER_S = 30.0
_LARGEST_NUMBER = 65_535

OnMessage = Callable[[str, bytes], None]


class Where(NamedTuple):
    """A broker, and how to be let in."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    username: str | None = None
    password: str | None = None


class Connection(asyncio.Protocol):
    """Made by `opened`. Callbacks run on the event loop."""

    def __init__(self, on_message: OnMessage, on_confirmed: Callable[[], None]) -> None:
        self._on_message, self._on_confirmed = on_message, on_confirmed
        self._loop = asyncio.get_running_loop()
        self._reader, self._number, self._unconfirmed = packets.Reader(), 0, 0
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[packets.Packet] = self._loop.create_future()
        self._ping: asyncio.TimerHandle | None = None
        self.gone: asyncio.Future[None] = self._loop.create_future()
        """Done when the connection has ended, whoever ended it."""

    @property
    def free(self) -> bool:
        """Whether one more message may be published now."""
        return not self.gone.done() and self._unconfirmed < UNCONFIRMED

    async def hello(self, packet: bytes) -> None:
        """Introduce ourselves; LinkError unless the broker accepts it."""
        answer = await self._asked(packet, packets.CONNACK)
        if answer.body[1] != 0:
            raise _broken(f"the broker refuses us: code {answer.body[1]}")
        self._ping = self._loop.call_later(KEEPALIVE_S / 2, self._pinged)

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Hear these; LinkError unless the broker agrees."""
        answer = await self._asked(packets.subscribe(self._next_number(), topics), packets.SUBACK)
        if any(code > 2 for code in answer.body[2:]):
            raise _broken("the broker does not let us subscribe")

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send one message at QoS 1; nothing happens on a connection that has ended."""
        if self._transport is not None and not self.gone.done():
            self._unconfirmed += 1
            self._transport.write(packets.publish(self._next_number(), topic, payload, retain=retain))

    def leave(self) -> None:
        """In good order: the broker keeps the last will to itself."""
        if self._transport is not None:
            self._transport.write(packets.DISCONNECT)
            self._transport.close()

    def cut(self) -> None:
        """As when the power goes: the broker speaks the last will."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        try:
            for packet in self._reader.feed(data):
                self._take(packet)
        except ValueError:
            self.cut()

    def connection_lost(self, problem: Exception | None) -> None:
        """Called by asyncio."""
        if self._ping is not None:
            self._ping.cancel()
        if not self.gone.done():
            self.gone.set_result(None)
        if not self._answer.done():
            self._answer.set_exception(_broken(str(problem or "the broker hangs up")))
            self._answer.exception()  # nobody may be waiting for it

    def _take(self, packet: packets.Packet) -> None:
        if packet.kind == packets.PUBLISH:
            message = packets.published(packet)
            if message.number is not None and self._transport is not None:
                self._transport.write(packets.puback(message.number))
            self._on_message(message.topic, message.payload)
        elif packet.kind == packets.PUBACK:
            self._unconfirmed -= 1
            self._on_confirmed()
        elif packet.kind in (packets.CONNACK, packets.SUBACK) and not self._answer.done():
            self._answer.set_result(packet)

    async def _asked(self, packet: bytes, kind: int) -> packets.Packet:
        """The broker's answer to `packet`; before it nothing else of that sort is asked."""
        if self._transport is None or self.gone.done():
            raise _broken("the broker hangs up")
        self._answer = self._loop.create_future()
        self._transport.write(packet)
        try:
            answer = await asyncio.wait_for(self._answer, _ANSWER_S)
        except asyncio.TimeoutError as late:
            self.cut()
            raise _broken(f"no answer within {_ANSWER_S:g} s") from late
        if answer.kind != kind:
            raise _broken("the broker does not speak MQTT 3.1.1")
        return answer

    def _next_number(self) -> int:
        self._number = self._number % _LARGEST_NUMBER + 1
        return self._number

    def _pinged(self) -> None:
        if self._transport is not None and not self.gone.done():
            self._transport.write(packets.PINGREQ)
            self._ping = self._loop.call_later(KEEPALIVE_S / 2, self._pinged)


async def opened(
    where: Where, client_id: str, will: tuple[str, bytes], on_message: OnMessage, on_confirmed: Callable[[], None]
) -> Connection:
    """A connection the broker has accepted; LinkError or OSError otherwise."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        lambda: Connection(on_message, on_confirmed), where.host, where.port, ssl=where.tls
    )
    try:
        await connection.hello(
            packets.connect(
                client_id, keepalive_s=KEEPALIVE_S, will=will, username=where.username, password=where.password
            )
        )
    except LinkError:
        connection.cut()
        raise
    return connection


def _broken(what: str) -> LinkError:
    return LinkError(what, where="MQTT", fix="Check the broker's address, and that it lets so many clients in.")
