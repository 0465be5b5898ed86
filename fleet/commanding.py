"""Commands to a device and its answers: sent over the broker, waited for, and forgotten after a while.

A device that is away gets nothing: commands are not kept by the broker. Answers reach every server of the fleet, and
whoever asked takes them.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable

from contract.codec import to_json
from contract.errors import LinkError
from contract.messages import Command, Reply, Verb
from contract.topics import topic
from fleet.refusals import NotFoundError

PATIENCE_S = 5.0


class Commands:
    """`ask` from any thread but the link's; `heard` gets every reply there is."""

    def __init__(self, fleet: str, publish: Callable[[str, bytes], None]) -> None:
        self._fleet, self._publish = fleet, publish
        self._waiting: dict[str, tuple[str, threading.Event, list[Reply]]] = {}

    def ask(self, device: str, verb: Verb, *, name: str = "", offset: int = 0) -> Reply:
        """What `device` answers; LinkError where it refuses, or does not answer within `PATIENCE_S`.

        NotFoundError where it has not, or no longer, what was asked for.
        """
        number, done, replies = secrets.token_hex(8), threading.Event(), list[Reply]()
        command = Command(id=number, verb=verb, name=name, offset=offset)
        self._waiting[number] = (device, done, replies)
        try:
            self._publish(topic(self._fleet, device, "command"), to_json(command))
            if not done.wait(PATIENCE_S):
                raise LinkError(
                    f"{device} did not answer within {PATIENCE_S:.0f} s",
                    where=verb,
                    fix="Look whether it is online, and whether its version knows this command.",
                )
        finally:
            del self._waiting[number]
        if replies[0].gone:
            raise NotFoundError(f"{device}: {replies[0].detail}", where=verb, fix="List what there is.")
        if not replies[0].ok:
            raise LinkError(f"{device} refused: {replies[0].detail}", where=verb, fix="See the device's own log.")
        return replies[0]

    def heard(self, device: str, reply: Reply) -> None:
        """An answer has come, perhaps to somebody else's question; nobody answers for another device."""
        waiting = self._waiting.get(reply.id)
        if waiting is not None and waiting[0] == device:
            waiting[2].append(reply)
            waiting[1].set()
