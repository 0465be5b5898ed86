"""What can be kept of a batch that cannot be kept as a whole.

A device repeats a batch until every number in it is settled, so one message nobody can read must not hold up its
neighbours, nor the device. The message goes to quarantine, its number is called refused (which is a gap, and the
acknowledgement says so), and the rest is stored. A batch of a newer major version is left alone: it waits on the
device, whole, until the fleet is updated. Without a boot and numbers there is nobody to answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

import msgspec
from msgspec import Raw, structs

from contract.errors import LinkError
from contract.messages import Batch, Event, Reported, Sequence, Span, Telemetry
from fleet.arrivals import Arrival, Refusal, check_identity, refuse

T = TypeVar("T")
_TYPES: dict[str, type[Telemetry | Event | Reported]] = {"telemetry": Telemetry, "events": Event, "reported": Reported}


class _Numbered(msgspec.Struct):
    sequence: Sequence


class _Envelope(msgspec.Struct):
    """A batch whose messages are not looked at yet."""

    boot: str
    oldest: Sequence
    gone: tuple[Span, ...] = ()
    telemetry: tuple[Raw, ...] = ()
    events: tuple[Raw, ...] = ()
    reported: tuple[Raw, ...] = ()


def readable(refusal: Refusal, payload: bytes) -> list[Arrival | Refusal]:
    """The refusal, and what of its payload can be stored after all."""
    if refusal.cause != "malformed" or refusal.topic.kind not in _TYPES:
        return [refusal]
    try:
        envelope = msgspec.json.decode(payload, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [refusal]
    kept, refused = _sorted(envelope)
    batch = Batch(boot=envelope.boot, oldest=envelope.oldest, gone=envelope.gone, **kept)  # type: ignore[arg-type]
    arrival = Arrival(refusal.topic, batch, payload, refusal.received_s, refused=refused)
    try:
        check_identity(arrival)
    except LinkError:
        return [refusal]
    return [refusal, arrival]


def _sorted(envelope: _Envelope) -> tuple[dict[str, tuple[object, ...]], tuple[int, ...]]:
    """The messages that can be read, by kind, and the numbers of those that cannot."""
    kept: dict[str, tuple[object, ...]] = {}
    refused: list[int] = []
    for kind, struct in _TYPES.items():
        read = [(raw, _read(raw, struct)) for raw in getattr(envelope, kind)]
        kept[kind] = tuple(message for _, message in read if message is not None)
        numbered = (_read(raw, _Numbered) for raw, message in read if message is None)
        refused += [unread.sequence for unread in numbered if unread is not None]
    return kept, tuple(refused)


def _read(raw: Raw, struct: type[T]) -> T | None:
    try:
        return msgspec.json.decode(raw, type=struct)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def parts(arrival: Arrival, problem: Exception) -> list[Arrival | Refusal]:
    """A message the store would not take, in smaller pieces, of which only the culprit will be refused again.

    A batch is halved; a single message becomes a refusal and a batch that says its number is refused; anything else
    becomes a refusal.
    """
    batch = arrival.message
    refusal = refuse(arrival.topic, "unstorable", type(problem).__name__, arrival.payload, arrival.received_s)
    if not isinstance(batch, Batch) or not batch.messages():
        return [refusal]
    numbers = [message.sequence for message in batch.messages()]
    if len(numbers) == 1:
        return [refusal, _with(arrival, _between(batch, 0, 0), refused=numbers)]
    middle = numbers[len(numbers) // 2]
    return [_with(arrival, _between(batch, first, last)) for first, last in ((0, middle - 1), (middle, numbers[-1]))]


def _with(arrival: Arrival, batch: Batch, refused: Iterable[int] = ()) -> Arrival:
    return replace(arrival, message=batch, refused=(*arrival.refused, *refused))


def _between(batch: Batch, first: int, last: int) -> Batch:
    """The same batch with these numbers only."""
    kept = {
        kind: tuple(message for message in getattr(batch, kind) if first <= message.sequence <= last) for kind in _TYPES
    }
    return structs.replace(batch, **kept)
