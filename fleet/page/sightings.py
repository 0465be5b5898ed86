"""A device's newest kept results as sentences. Devices send words and numbers: pictures stay with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from msgspec import UNSET
from sqlalchemy.engine import Connection

from contract.messages import Event
from contract.moments import unix_s
from contract.result import Result, SceneEvent
from fleet import tables

MOST = 50


@dataclass(frozen=True, slots=True)
class Sighting:
    """One kept result."""

    at_s: float
    source: str
    words: str
    snapshot: str
    """Name of the picture on the device; empty without one."""


def sightings(connection: Connection, device: str) -> tuple[Sighting, ...]:
    """Newest first, at most `MOST`."""
    table = tables.EVENTS.c
    query = sa.select(table.body).where(table.device == device).order_by(table.at_s.desc()).limit(MOST)
    results = (msgspec.json.decode(body, type=Event).result for body in connection.scalars(query))
    return tuple(_sighting(result) for result in results)


def _sighting(result: Result) -> Sighting:
    events = () if result.events is UNSET else result.events
    snapshot = next((event.snapshot for event in events if event.snapshot), "")
    return Sighting(unix_s(result.captured_at), result.source, _words(result), snapshot)


def _words(result: Result) -> str:
    if result.error is not UNSET:
        return f"no answer: {result.error.cause}"
    if result.events is not UNSET and result.events:
        return "; ".join(map(_event_words, result.events))
    if result.detections is not UNSET:
        counts = Counter(found.label for found in result.detections)
        return ", ".join(f"{count} {label}" for label, count in counts.most_common()) or "nothing found"
    if result.classes is not UNSET and result.classes:
        best = result.classes[0]
        return f"{best.label} ({best.score:.0%})"
    if result.values is not UNSET:
        return ", ".join(f"{v.name} {v.value:g} {v.unit}{', alarm' if v.alarm else ''}".strip() for v in result.values)
    if result.segments is not UNSET:
        return ", ".join(f"{part.label} {part.share:.0%}" for part in result.segments)
    return f"{len(result.keypoints)} keypoints" if result.keypoints is not UNSET else "an answer without content"


def _event_words(event: SceneEvent) -> str:
    place = f" {event.place}" if event.place else ""
    way = f" {event.direction}" if event.direction else ""
    long = f" for {event.seconds:.0f} s" if event.seconds is not None else ""
    return f"{event.label} {event.track} {event.kind.replace('-', ' ')}{place}{way}{long}"
