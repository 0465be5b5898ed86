"""A collector as small as one can be: it speaks the real protocol through a real broker, and its database is a list."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from contract import messages
from contract.codec import to_json
from contract.messages import Ack, Batch, Birth, Presence, Reported
from contract.topics import FROM_DEVICE, Kind, every_device, parse, topic

PATIENCE_S = 15.0
"""How long a test waits for what must come; reached only when it fails."""


class Collector:
    """Listens to one fleet; acknowledges what it holds without a hole, unless `acknowledges` is False."""

    def __init__(self, port: int, fleet: str = "test", *, acknowledges: bool = True) -> None:
        self.fleet, self.acknowledges = fleet, acknowledges
        self.batches: list[tuple[str, Batch]] = []
        self.presence: list[Presence] = []
        self.births: list[Birth] = []
        self.replies: list[messages.Reply] = []
        self._stored: dict[str, dict[int, msgspec.Struct]] = {}
        self._acknowledged: dict[str, int] = {}
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._received
        self._client.on_connect = lambda *_: self._client.subscribe([(every_device(fleet, k), 1) for k in FROM_DEVICE])
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def __enter__(self) -> Collector:
        assert self._subscribed.wait(PATIENCE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, device: str, kind: Kind, payload: bytes) -> None:
        """As the fleet would: `desired` is retained."""
        sent = self._client.publish(topic(self.fleet, device, kind), payload, qos=1, retain=kind == "desired")
        sent.wait_for_publish(PATIENCE_S)

    def publish_raw(self, text: str, payload: bytes) -> None:
        """Any topic, retained."""
        self._client.publish(text, payload, qos=1, retain=True).wait_for_publish(PATIENCE_S)

    def stored(self, boot: str) -> list[int]:
        """The sequences of one boot that are held, in order."""
        return sorted(self._stored.get(boot, {}))

    def reported(self) -> list[Reported]:
        """Every reported state in the order of its number."""
        kept = [message for boot in self._stored.values() for _, message in sorted(boot.items())]
        return [message for message in kept if isinstance(message, Reported)]

    def wait_until(self, holds: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        """Return once `holds()` is true, looked at after each message."""
        until = time.monotonic() + timeout_s
        with self._changed:
            while not holds():
                left_s = until - time.monotonic()
                if left_s <= 0:
                    raise AssertionError("it did not come")
                self._changed.wait(left_s)

    def _received(self, client: Client, _: object, message: MQTTMessage) -> None:
        found = parse(message.topic)
        content = messages.decode(found.kind, message.payload, where=message.topic)
        with self._changed:
            if isinstance(content, Batch):
                self._keep(found.device, found.kind, content)
            elif isinstance(content, Presence):
                self.presence.append(content)
            elif isinstance(content, Birth):
                self.births.append(content)
            elif isinstance(content, messages.Reply):
                self.replies.append(content)
            self._changed.notify_all()

    def _keep(self, device: str, kind: str, batch: Batch) -> None:
        self.batches.append((kind, batch))
        stored = self._stored.setdefault(batch.boot, {})
        for message in batch.messages():
            stored.setdefault(message.sequence, message)
        last = max(self._acknowledged.get(batch.boot, 0), batch.oldest - 1)
        while last + 1 in stored:
            last += 1
        self._acknowledged[batch.boot] = last
        if self.acknowledges:
            ack = to_json(Ack(boot=batch.boot, sequence=last))
            self._client.publish(topic(self.fleet, device, "ack"), ack, qos=1)
