"""A received MQTT message, judged: one of ours and readable, ours and unreadable, or none of our business.

Sees bytes only. Brokers may hand over topics nobody asked for (amqtt leaks retained messages between clients), so a
topic of another fleet, or of a kind devices do not send, is left aside without a word. Where a topic is ours and the
payload is not, the refusal names a cause; `fleet/ingest.py` keeps it in quarantine, and `fleet/salvage.py` says what of
it can be stored nevertheless.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import msgspec

from contract import messages, topics
from contract.errors import FerryError, LinkError
from contract.messages import Batch, Birth, Message, Presence
from contract.topics import Topic

RefusalCause = Literal["oversized", "schema", "malformed", "unstorable"]
SAMPLE_BYTES = 4096
"""So much of a refused payload is kept for a person to look at."""
LARGEST_SEQUENCE = 2**53
"""Beyond it JSON readers round; a device would need a hundred million years to get there."""
_BOOT = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A readable message from a device of this fleet."""

    topic: Topic
    message: Message
    payload: bytes
    received_s: float
    """Unix seconds."""
    retained: bool = False
    """Handed over by the broker on subscribing: said some time ago, not now."""
    refused: tuple[int, ...] = ()
    """Numbers of a batch whose messages went to quarantine instead."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message on one of our topics that cannot be read or stored."""

    topic: Topic
    cause: RefusalCause
    detail: str
    sample: bytes
    received_s: float


def judge(
    fleet: str, topic: str, payload: bytes, received_s: float, *, retained: bool = False
) -> Arrival | Refusal | None:
    """What `payload` on `topic` is; None for somebody else's."""
    try:
        parsed = topics.parse(topic)
    except LinkError:
        return None
    if parsed.fleet != fleet or parsed.kind not in topics.FROM_DEVICE:
        return None
    try:
        message = messages.decode(parsed.kind, payload, where=topic)
        arrival = Arrival(parsed, message, payload, received_s, retained)
        check_identity(arrival)
    except FerryError as problem:
        return refuse(parsed, _cause(payload), problem.what, payload, received_s)
    return arrival


def refuse(topic: Topic, cause: RefusalCause, detail: str, payload: bytes, received_s: float) -> Refusal:
    """A refusal with a sample of the payload and a sentence of bounded length."""
    return Refusal(topic, cause, detail[:500], payload[:SAMPLE_BYTES], received_s)


def check_identity(arrival: Arrival) -> None:
    """LinkError unless boot and sequences, which become keys of the store, are of a kind that can."""
    message, where = arrival.message, "/".join(arrival.topic)
    if isinstance(message, Batch | Birth | Presence) and not _BOOT.fullmatch(message.boot):
        raise LinkError("the boot id is not 1 to 64 plain characters", where=where, fix="Update the device.")
    if isinstance(message, Batch):
        _check_numbers(message, arrival.refused, where)


def _check_numbers(batch: Batch, refused: tuple[int, ...], where: str) -> None:
    said = (message.sequence for message in batch.messages())
    numbers = [batch.oldest, *said, *refused, *(end for span in batch.gone for end in span)]
    if max(numbers) > LARGEST_SEQUENCE:
        raise LinkError(f"sequence beyond {LARGEST_SEQUENCE}", where=where, fix="Update the device.")
    if min(numbers) < batch.oldest:
        raise LinkError("a sequence below `oldest`", where=where, fix="Update the device.")
    if any(span.first > span.last for span in batch.gone):
        raise LinkError("a span of `gone` ends before it begins", where=where, fix="Update the device.")


def _cause(payload: bytes) -> RefusalCause:
    """Which word for a payload that `contract.messages` would not take."""
    if len(payload) > messages.MAX_BYTES:
        return "oversized"
    return "schema" if _schema_of(payload) > messages.SCHEMA else "malformed"


def _schema_of(payload: bytes) -> int:
    try:
        return msgspec.json.decode(payload, type=_Versioned).schema
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0


class _Versioned(msgspec.Struct):
    schema: int = 0
