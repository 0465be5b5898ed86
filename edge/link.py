"""The connection to the broker: MQTT 3.1.1, QoS 1, TLS where the address says so. The only file here that knows paho.

A link keeps trying until it is closed, with growing, jittered pauses, so that a thousand devices do not come back in
one second. Each connection is a new paho client: an old one would send again, behind our back and out of order, what
the outbox is going to send anyway. What is sent, and when again, is `edge/reporter.py`'s matter.

A connection may be dead without anybody saying so (a router forgot it). The keepalive finds that out only slowly: an
idle device must not pay for a ping every half minute, so it is as long as common brokers and routers allow. What is
sent is watched instead: a message without its PUBACK for half a minute ends the connection, and so does the kernel when
nobody acknowledges a segment for so long (TCP_USER_TIMEOUT, tcp(7)), a ping's included.

amqtt, the demo's broker, hands every client the retained messages of every subscription, so a received topic is
parsed and compared before its payload is looked at.
"""

from __future__ import annotations

import logging
import random
import socket as sockets
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from contract.codec import to_json
from contract.device import Broker
from contract.errors import ConfigError, LinkError
from contract.messages import Birth, Presence
from contract.topics import Kind, parse, topic
from edge import tls

if TYPE_CHECKING:
    from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTMessageInfo, SocketLike
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from edge.clock import FleetClock

log = logging.getLogger(__name__)

LISTENS_TO: tuple[Kind, ...] = ("ack", "desired", "command")
KEEPALIVE_S = 1200
"""AWS IoT allows no more, and most networks forget a connection later; the last will speaks after 1.5 times this."""
_PUBACK_S = 30.0
_LOOK_S = 5.0
"""How often an unconfirmed message's age is looked at."""
_CONNECT_TIMEOUT_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0
_UNCONFIRMED = 20
"""At most so many messages without a PUBACK: more would only queue up in the broker's or our memory."""


class Address(NamedTuple):
    """Where a broker listens."""

    host: str
    port: int
    tls: bool


def address_of(url: str) -> Address:
    """`mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]` taken apart; ConfigError otherwise."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise _no_address(url) from problem
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path not in ("", "/") or parts.username:
        raise _no_address(url)
    tls = parts.scheme == "mqtts"
    return Address(parts.hostname, port or (8883 if tls else 1883), tls)


def _no_address(url: str) -> ConfigError:
    return ConfigError(
        f"{url.rpartition('@')[2]!r} is not a broker's address",  # what stands before an @ may be a password
        where="broker url",
        fix="Write mqtt://HOST[:PORT], or mqtts://HOST[:PORT] for TLS; user and password go into device.toml.",
    )


class _Sent(NamedTuple):
    """A message on its way to the broker."""

    info: MQTTMessageInfo
    at_s: float


class Link:
    """One device's connection. Its callbacks run on the link's own threads and must be quick.

    `birth` is asked for at each connection; `on_message` gets this device's `ack`, `desired` and `command` payloads;
    `on_connected` is called when the broker has accepted us and knows who we are, `on_confirmed` at each PUBACK.
    `may_lack_certificate` says that our own may come later. It is read anew when it has changed.
    `also` are topics outside our own that `on_other` wants to hear. `clock` judges the broker's certificate
    (`edge/tls.py`).
    An address, a password file or a certificate that cannot be used is a ConfigError at once.
    """

    def __init__(
        self,
        broker: Broker,
        fleet: str,
        device: str,
        *,
        boot: str,
        birth: Callable[[], Birth],
        on_message: Callable[[Kind, bytes], None],
        on_connected: Callable[[], None] = lambda: None,
        on_confirmed: Callable[[], None] = lambda: None,
        also: Sequence[str] = (),
        on_other: Callable[[str, bytes], None] | None = None,
        keepalive_s: int = KEEPALIVE_S,
        puback_s: float = _PUBACK_S,
        clock: FleetClock | None = None,
        may_lack_certificate: bool = False,
    ) -> None:
        self.where = broker.url
        self._broker, self._address = broker, address_of(broker.url)
        self._password = _secret(broker.password_file)
        self._tls, self._tls_stamp = None if may_lack_certificate else self._read_tls(), _stamp(broker)
        self._fleet, self._device, self._boot = fleet, device, boot
        self._birth, self._on_message = birth, on_message
        self._on_connected, self._on_confirmed = on_connected, on_confirmed
        self._also, self._on_other = tuple(also), on_other
        self._keepalive_s, self._puback_s, self._clock = keepalive_s, puback_s, clock
        self._client: Client | None = None
        self._unconfirmed: deque[_Sent] = deque()
        self._unconfirmed_lock = threading.Lock()
        self._connected, self._closing = threading.Event(), threading.Event()
        self._settled, self._broken = threading.Event(), threading.Event()
        self._last_problem = "no answer"
        self._thread = threading.Thread(target=self._keep_connected, name="mqtt-link", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us, knows what we listen to, and the connection stands."""
        return self._connected.is_set()

    @property
    def free(self) -> bool:
        """Whether one more message may be published now."""
        self._oldest_unconfirmed()
        return self.connected and len(self._unconfirmed) < _UNCONFIRMED

    def start(self) -> None:
        """Connect in the background, and again whenever the connection breaks."""
        self._thread.start()

    def connect_now(self, timeout_s: float) -> None:
        """`start`, and wait until the broker answers; LinkError when it does not within `timeout_s`."""
        self.start()
        if not self._connected.wait(timeout_s):
            self.close()
            raise LinkError(
                f"the broker cannot be reached: {self._last_problem}",
                where=self.where,
                fix="Check the address, that the broker runs, and its user and password.",
            )

    def publish(self, kind: Kind, payload: bytes, *, retain: bool = False) -> bool:
        """Hand one QoS 1 message to the connection; False, and nothing sent, without one."""
        return self.publish_raw(topic(self._fleet, self._device, kind), payload, retain=retain)

    def publish_raw(self, text: str, payload: bytes, *, retain: bool = False) -> bool:
        """`publish` on a topic that is not ours."""
        client = self._client
        return client is not None and self.connected and self._send(client, text, payload, retain=retain) is not None

    def introduce(self) -> None:
        """Publish the birth message anew: the device runs another model now."""
        self.publish("birth", to_json(self._birth()), retain=True)

    def close(self, timeout_s: float = 2.0) -> None:
        """Say that we leave, and disconnect. Waits at most `timeout_s` for each of the two."""
        client = self._client
        if client is not None and self.connected:
            said = self._say(client, "presence", self._presence(online=False))
            if said is not None:
                said.wait_for_publish(timeout_s)
        self._closing.set()
        self._settled.set()
        self._broken.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _send(self, client: Client, text: str, payload: bytes, *, retain: bool) -> MQTTMessageInfo | None:
        sent = client.publish(text, payload, qos=1, retain=retain)
        if sent.rc != 0:
            return None
        self._unconfirmed.append(_Sent(sent, time.monotonic()))
        return sent

    def _say(self, client: Client, kind: Kind, payload: bytes) -> MQTTMessageInfo | None:
        """Retained, about ourselves."""
        return self._send(client, topic(self._fleet, self._device, kind), payload, retain=True)

    def _oldest_unconfirmed(self) -> _Sent | None:
        """The first message the broker has not confirmed; those it has are forgotten."""
        with self._unconfirmed_lock:
            waiting = self._unconfirmed
            while waiting and waiting[0].info.is_published():
                waiting.popleft()
            return waiting[0] if waiting else None

    def _presence(self, *, online: bool) -> bytes:
        return to_json(Presence(boot=self._boot, online=online))

    def _keep_connected(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._closing.is_set():
            if self._one_connection():
                pause_s = _FIRST_PAUSE_S
            self._closing.wait(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _one_connection(self) -> bool:
        """Connect and stay until it breaks or we close; whether the broker accepted us."""
        self._settled, self._broken = threading.Event(), threading.Event()
        self._unconfirmed = deque()
        if not self._certified():
            return False
        client = self._client = self._new_client()
        try:
            client.connect(self._address.host, self._address.port, keepalive=self._keepalive_s)
            if self._tls is not None:
                tls.check_not_expired(client.socket(), self._clock)
        except (OSError, ValueError) as problem:
            self._missed(str(problem))
            _hang_up(client)
            return False
        client.loop_start()
        try:
            return self._stay(client)
        finally:
            self._connected.clear()
            client.disconnect()
            client.loop_stop()

    def _stay(self, client: Client) -> bool:
        """Wait for the broker's word, then for the end of the connection; whether the word was a welcome."""
        if self._closing.is_set():
            return False
        if not self._settled.wait(_CONNECT_TIMEOUT_S):
            self._missed("it does not speak MQTT, or is too slow")
        if not self.connected:
            return False
        while not self._broken.wait(min(_LOOK_S, self._puback_s)):
            oldest = self._oldest_unconfirmed()
            if oldest is not None and time.monotonic() - oldest.at_s > self._puback_s:
                log.warning("broker %s: it does not confirm what it gets; connecting anew", self.where)
                _cut(client)
                break
        return True

    def _certified(self) -> bool:
        """Whether we have what TLS needs; a certificate that was renewed meanwhile takes the old one's place."""
        stamp = _stamp(self._broker)
        if self._address.tls and (self._tls is None or stamp != self._tls_stamp):
            try:
                self._tls, self._tls_stamp = self._read_tls(), stamp
            except ConfigError as problem:
                self._missed(problem.what)
        return self._tls is not None or not self._address.tls

    def _read_tls(self) -> ssl.SSLContext | None:
        return _tls(self._broker) if self._address.tls else None

    def _missed(self, problem: str) -> None:
        if problem != self._last_problem:
            log.warning("broker %s: %s; trying again", self.where, problem)
        self._last_problem = problem

    def _new_client(self) -> Client:
        """A paho client that knows who we are and what to say when the connection breaks."""
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{self._fleet}.{self._device}",
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _CONNECT_TIMEOUT_S
        will = topic(self._fleet, self._device, "presence")
        client.will_set(will, self._presence(online=False), qos=1, retain=True)
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._password)
        if self._tls is not None:
            tls.believe(self._tls, self._clock)
            client.tls_set_context(self._tls)
        client.on_connect, client.on_subscribe, client.on_disconnect = self._welcomed, self._heard, self._parted
        client.on_message, client.on_publish = self._received, self._confirmed
        client.on_socket_open = self._opened
        return client

    def _opened(self, client: Client, _: object, socket: SocketLike) -> None:
        option = getattr(sockets, "TCP_USER_TIMEOUT", None)
        if option is not None:
            socket.setsockopt(sockets.IPPROTO_TCP, option, round(self._puback_s * 1000))  # type: ignore[attr-defined]

    def _welcomed(
        self, client: Client, _: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        """Say who we are before anything else is sent, and ask for what is addressed to us."""
        if reason.is_failure:
            self._missed(f"it refuses us: {reason}")
            self._settled.set()
            return
        self._say(client, "presence", self._presence(online=True))
        self._say(client, "birth", to_json(self._birth()))
        ours = [topic(self._fleet, self._device, kind) for kind in LISTENS_TO]
        client.subscribe([(text, 1) for text in (*ours, *self._also)])

    def _heard(self, client: Client, *_: object) -> None:
        """The broker has noted what we listen to: from here on no command is missed."""
        if client is not self._client:
            return
        self._last_problem = ""
        self._connected.set()
        self._settled.set()
        log.info("broker %s: connected", self.where)
        self._on_connected()

    def _parted(self, client: Client, *_: object) -> None:
        if client is not self._client:
            return
        if self.connected and not self._closing.is_set():
            log.warning("broker %s: the connection broke; trying again", self.where)
        self._connected.clear()
        self._settled.set()
        self._broken.set()

    def _confirmed(self, *_: object) -> None:
        self._on_confirmed()

    def _received(self, client: Client, _: object, message: MQTTMessage) -> None:
        """Pass on what is addressed to this device; anything else is somebody's mistake, or amqtt's."""
        if self._on_other is not None and message.topic in self._also:
            self._on_other(message.topic, bytes(message.payload))
            return
        try:
            found = parse(message.topic)
        except LinkError as foreign:
            log.debug("ignored: %s", foreign.what)
            return
        if found[:2] == (self._fleet, self._device) and found.kind in LISTENS_TO:
            self._on_message(found.kind, bytes(message.payload))


def _hang_up(client: Client) -> None:
    """Without a word: nobody is trusted there."""
    connection = client.socket()
    if connection is not None:
        connection.close()


def _cut(client: Client) -> None:
    """End a connection that may never answer: paho's thread would wait for what cannot be sent."""
    socket = client.socket()
    if socket is not None:
        with suppress(OSError):
            socket.shutdown(sockets.SHUT_RDWR)  # type: ignore[attr-defined]  # paho's type lacks it


def _secret(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).read_text().strip("\r\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(
            f"the broker's password cannot be read: {problem}", where=path, fix="Check password_file."
        ) from problem


def _stamp(broker: Broker) -> tuple[tuple[int, int] | None, ...]:
    """Changes when one of the TLS files is replaced."""

    def of(path: str | None) -> tuple[int, int] | None:
        try:
            found = None if path is None else Path(path).stat()
        except OSError:
            return None
        return found and (found.st_ino, found.st_mtime_ns)

    return tuple(map(of, (broker.ca_file, broker.cert_file, broker.key_file)))


def _tls(broker: Broker) -> ssl.SSLContext:
    """Trust in `ca_file`, or in the system's authorities; with our own certificate where there is one."""
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
        if broker.cert_file is not None:
            context.load_cert_chain(broker.cert_file, broker.key_file)
    except (OSError, ssl.SSLError) as problem:
        raise ConfigError(
            f"the TLS files cannot be used: {problem}",
            where=f"broker {broker.url}",
            fix="Check ca_file, cert_file and key_file.",
        ) from problem
    return context
