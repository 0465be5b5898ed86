"""The fleet's connection to the broker, and the only file of this room that knows paho.

MQTT 3.1.1, QoS 1, a clean session: whatever is missed while away is sent again by the devices, because only an
acknowledgement after the store's commit lets them forget it. paho connects again by itself, with growing pauses.

Any number of collectors listen side by side: what is numbered comes through a shared subscription, to one of them
each. Who is there (birth, presence) comes to all: retained messages do not come through a share, each collector must
know at its start, and storing the same twice changes nothing. Answers to commands do too: whoever asked takes them.
Whether the broker shares is asked by a message to ourselves; one that does not lets every collector hear everything,
which is as right and only more work.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from contract.device import Broker
from contract.errors import ConfigError, LinkError
from contract.topics import FROM_DEVICE, Kind, among_collectors, every_device, shared

LOG = logging.getLogger(__name__)
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_PAUSE_S = (1, 30)
_IN_FLIGHT = 200
"""Acknowledgements and assignments on their way; more only pile up inside the broker."""
TO_ALL: tuple[Kind, ...] = ("birth", "presence", "reply")
"""Retained, or answers to what one of us has asked: heard by every collector."""
_ASKING_S = 2.0
"""A broker that shares gives us our own message within milliseconds."""

OnMessage = Callable[[str, bytes, bool], None]
"""(topic, payload, retained), called on paho's thread."""


class Link:
    """One connection, which listens to every device of a fleet once told to. `on_connected` runs whenever it begins."""

    def __init__(
        self,
        broker: Broker,
        fleet: str,
        on_message: OnMessage,
        *,
        share: bool = True,
        kinds: Sequence[Kind] = FROM_DEVICE,
    ) -> None:
        """Without `share`, all of `kinds` is heard whatever other collectors hear."""
        self.where = broker.url
        self.shares: bool | None = None if share else False
        """Whether the broker gives each message to one collector; None until it has shown."""
        self.on_connected: Callable[[], None] = lambda: None
        self._fleet, self._on_message, self._kinds = fleet, on_message, kinds
        self._host, self._port, tls = address_of(broker.url)
        self._up, self._subscribed = threading.Event(), threading.Event()
        self._refused, self._listening = "", False
        self._deciding, self._question = threading.Lock(), b""
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"edgeferry-fleet-{secrets.token_hex(6)}", protocol=paho.MQTTv311
        )
        self._client.reconnect_delay_set(*_PAUSE_S)
        self._client.max_inflight_messages_set(_IN_FLIGHT)
        _identify(self._client, broker, tls)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._heard
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._received

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and is still there."""
        return self._up.is_set()

    def open(self, timeout_s: float = 5.0) -> None:
        """Connect for the first time, or raise LinkError; from then on the link mends itself."""
        try:
            self._client.connect(self._host, self._port, keepalive=30)
        except (OSError, ValueError) as problem:
            raise self._absent(str(problem)) from problem
        self._client.loop_start()
        if not self._up.wait(timeout_s):
            self.close()
            raise self._absent(self._refused or f"no answer within {timeout_s:.0f} s")

    def listen(self, timeout_s: float = 5.0) -> None:
        """Hear the devices, from now on and after each new connection; before, nobody could store what they say.

        LinkError where a connected broker does not confirm the subscription within `timeout_s`.
        """
        self._listening = True
        if self.connected:
            self._begin()
            if not self._subscribed.wait(timeout_s):
                raise self._absent("it does not confirm the subscription")

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send with QoS 1; kept in memory and sent later while the broker is away."""
        self._client.publish(topic, payload, qos=1, retain=retain)

    def close(self) -> None:
        """Say goodbye and stop the thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, _client: paho.Client, _userdata: object, _flags: object, code: ReasonCode, _p: object) -> None:
        if code.is_failure:
            self._refused = f"the broker refuses us: {code}"
            return
        self._up.set()
        LOG.info("connected to %s", self.where)
        if self._listening:
            self._begin()
        else:
            self.on_connected()

    def _begin(self) -> None:
        """Listen; a broker we do not know yet is first asked whether it shares."""
        if self.shares is not None:
            self._subscribe()
            return
        self._question = secrets.token_hex(6).encode()
        where = among_collectors(self._fleet)
        self._client.subscribe(shared(where, group=f"{self._group}-{self._question.decode()}"), 1)
        self._client.publish(where, self._question, qos=1)
        waiting = threading.Timer(_ASKING_S, self._decide, [self._question, False])
        waiting.daemon = True
        waiting.start()

    def _decide(self, question: bytes, shares: bool) -> None:
        """Our message came through a share, or time is up. The first word counts."""
        with self._deciding:
            if self.shares is not None or question != self._question:
                return
            self.shares = shares
        if not shares:
            LOG.warning(
                "the broker %s does not share subscriptions, or does not let us ask: every collector hears all",
                self.where,
            )
        if self.connected:
            self._subscribe()

    @property
    def _group(self) -> str:
        return f"edgeferry-{self._fleet}"

    def _subscribe(self) -> None:
        wanted = []
        for kind in self._kinds:
            text = every_device(self._fleet, kind)
            wanted.append((shared(text, group=self._group) if self.shares and kind not in TO_ALL else text, 1))
        self._client.subscribe(wanted)
        LOG.info("listening to fleet %s%s", self._fleet, ", shared with other collectors" if self.shares else "")
        self.on_connected()

    def _heard(
        self, _client: paho.Client, _userdata: object, _number: int, codes: list[ReasonCode], _p: object
    ) -> None:
        """The broker has noted what we listen to; a refusal of the question, the only single one, is an answer too."""
        if self.shares is not None and len(codes) == len(self._kinds):
            self._subscribed.set()
        elif self.shares is None and any(code.is_failure for code in codes):
            self._decide(self._question, False)

    def _disconnected(
        self, _client: paho.Client, _userdata: object, _flags: object, code: ReasonCode, _p: object
    ) -> None:
        if self._up.is_set() and code.is_failure:
            LOG.warning("lost the broker %s (%s); connecting again", self.where, code)
        self._up.clear()

    def _received(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        if message.topic == among_collectors(self._fleet):
            self._decide(bytes(message.payload), True)
            return
        self._on_message(message.topic, bytes(message.payload), message.retain)

    def _absent(self, why: str) -> LinkError:
        return LinkError(
            f"no broker: {why}", where=self.where, fix="Start one (mosquitto -p 1883), or give --broker its address."
        )


def address_of(url: str) -> tuple[str, int, bool]:
    """Host, port and whether TLS, of `mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise _no_address(url) from problem
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.username:
        raise _no_address(url)
    return parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "mqtts"


def _identify(client: paho.Client, broker: Broker, tls: bool) -> None:
    """User, password and certificates, read now so that a missing file is said now."""
    try:
        if broker.username:
            password = Path(broker.password_file).read_text().strip() if broker.password_file else None
            client.username_pw_set(broker.username, password)
        if tls:
            client.tls_set(broker.ca_file, broker.cert_file, broker.key_file)
    except (OSError, ValueError) as problem:
        raise ConfigError(
            f"the broker's credentials cannot be used: {problem}",
            where=broker.url,
            fix="Check the password and certificate files.",
        ) from problem


def _no_address(url: str) -> ConfigError:
    return ConfigError(
        f"{url.rpartition('@')[2]!r} is not a broker's address",  # what stands before an @ may be a password
        where="--broker",
        fix="Write mqtt://HOST[:PORT], or mqtts://HOST[:PORT] for TLS; user and password have options of their own.",
    )


class Neighbour:
    """A connection an adapter has of its own: its topics, its will made anew for each connection, its callbacks."""

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        topics: Sequence[str],
        on_message: OnMessage,
        *,
        will: Callable[[], tuple[str, bytes]] | None = None,
    ) -> None:
        """`will` gives topic and payload of the next connection's will, sent with QoS 1 and not retained."""
        self.on_connected: Callable[[], None] = lambda: None
        self._where, self._topics, self._on_message, self._will = broker.url, topics, on_message, will
        self._host, self._port, tls = address_of(broker.url)
        self._up = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv311)
        self._client.reconnect_delay_set(*_PAUSE_S)
        _identify(self._client, broker, tls)
        self._client.on_pre_connect = lambda *_: self._make_will()
        self._client.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in self._topics])
        self._client.on_subscribe = lambda *_: self._subscribed()
        self._client.on_message = lambda _c, _u, said: self._on_message(said.topic, bytes(said.payload), said.retain)

    def open(self, timeout_s: float = 5.0) -> None:
        """Connect for the first time, or raise LinkError; from then on it mends itself."""
        try:
            self._client.connect(self._host, self._port, keepalive=30)
        except (OSError, ValueError) as problem:
            raise _no_broker(self._where, str(problem)) from problem
        self._client.loop_start()
        if not self._up.wait(timeout_s):
            self.close()
            raise _no_broker(self._where, f"no answer within {timeout_s:.0f} s")

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, wait_s: float = 0.0) -> None:
        """Send, not retained; with `wait_s` until it is on its way."""
        sent = self._client.publish(topic, payload, qos=qos)
        if wait_s:
            sent.wait_for_publish(wait_s)

    def close(self) -> None:
        """Say goodbye and stop the thread: the will is not sent."""
        self._client.disconnect()
        self._client.loop_stop()

    def _make_will(self) -> None:
        if self._will is not None:
            topic, payload = self._will()
            self._client.will_set(topic, payload, 1, False)

    def _subscribed(self) -> None:
        self._up.set()
        self.on_connected()


def _no_broker(where: str, why: str) -> LinkError:
    return LinkError(f"no broker: {why}", where=where, fix="Start one, or give its address.")
