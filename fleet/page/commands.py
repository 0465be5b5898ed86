"""Commands to a device and its answers: sent over the broker, waited for, and forgotten after a while.

A device that is away gets nothing: commands are not kept by the broker.
"""

from __future__ import annotations

import secrets
import threading
import time
from typing import Literal

from contract.codec import to_json
from contract.errors import LinkError
from contract.messages import Command, Reply
from contract.topics import topic
from fleet.parts import Parts

Verb = Literal["ping", "rebirth"]
PATIENCE_S = 5.0


class Commands:
    """`send` from any thread but the link's."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._waiting: dict[str, tuple[threading.Event, list[Reply]]] = {}
        parts.collector.on_reply = self._heard

    def send(self, device: str, verb: Verb) -> float:
        """Milliseconds until `device` answered; LinkError where it does not within `PATIENCE_S`."""
        number, done, replies = secrets.token_hex(8), threading.Event(), list[Reply]()
        self._waiting[number] = (done, replies)
        begun = time.monotonic()
        try:
            self._parts.link.publish(
                topic(self._parts.fleet, device, "command"), to_json(Command(id=number, verb=verb))
            )
            if not done.wait(PATIENCE_S):
                raise LinkError(
                    f"{device} did not answer within {PATIENCE_S:.0f} s", where=verb, fix="Look whether it is online."
                )
        finally:
            del self._waiting[number]
        if not replies[0].ok:
            raise LinkError(f"{device} refused: {replies[0].detail}", where=verb, fix="See the device's own log.")
        return (time.monotonic() - begun) * 1000

    def _heard(self, _device: str, reply: Reply) -> None:
        waiting = self._waiting.get(reply.id)
        if waiting is not None:
            waiting[1].append(reply)
            waiting[0].set()
