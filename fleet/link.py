"""The fleet's connection to the broker, and the only file of this room that knows paho.

MQTT 3.1.1, QoS 1, a clean session: whatever is missed while away is sent again by the devices, because only an
acknowledgement after the store's commit lets them forget it. paho connects again by itself, with growing pauses.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from contract.device import Broker
from contract.errors import ConfigError, LinkError
from contract.topics import FROM_DEVICE, every_device

LOG = logging.getLogger(__name__)
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_PAUSE_S = (1, 30)
_IN_FLIGHT = 200
"""Acknowledgements and assignments on their way; more only pile up inside the broker."""

OnMessage = Callable[[str, bytes, bool], None]
"""(topic, payload, retained), called on paho's thread."""


class Link:
    """One connection, which listens to every device of a fleet once told to. `on_connected` runs whenever it begins."""

    def __init__(self, broker: Broker, fleet: str, on_message: OnMessage) -> None:
        self.where = broker.url
        self.on_connected: Callable[[], None] = lambda: None
        self._fleet, self._on_message = fleet, on_message
        self._host, self._port, tls = _address(broker.url)
        self._up, self._subscribed = threading.Event(), threading.Event()
        self._refused, self._listening = "", False
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"edgeferry-fleet-{secrets.token_hex(6)}", protocol=paho.MQTTv311
        )
        self._client.reconnect_delay_set(*_PAUSE_S)
        self._client.max_inflight_messages_set(_IN_FLIGHT)
        _identify(self._client, broker, tls)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._subscribed.set()
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
            self._subscribe()
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
            self._subscribe()

    def _subscribe(self) -> None:
        self._client.subscribe([(every_device(self._fleet, kind), 1) for kind in FROM_DEVICE])
        LOG.info("listening to fleet %s", self._fleet)
        self.on_connected()

    def _disconnected(
        self, _client: paho.Client, _userdata: object, _flags: object, code: ReasonCode, _p: object
    ) -> None:
        if self._up.is_set() and code.is_failure:
            LOG.warning("lost the broker %s (%s); connecting again", self.where, code)
        self._up.clear()

    def _received(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        self._on_message(message.topic, bytes(message.payload), message.retain)

    def _absent(self, why: str) -> LinkError:
        return LinkError(
            f"no broker: {why}", where=self.where, fix="Start one (mosquitto -p 1883), or give --broker its address."
        )


def _address(url: str) -> tuple[str, int, bool]:
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
