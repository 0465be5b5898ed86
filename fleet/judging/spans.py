"""Stored readings as windows: what some devices said within a span of time, on one model each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from fleet import tables
from fleet.judging.windows import Said, Window, window

READINGS = 16
"""A window is taken from about so many readings of each device, evenly spread: more of them tell little more."""
_DECODER = msgspec.json.Decoder(Said)
Span = tuple[float, float]
"""From, to: Unix seconds by the devices' clocks."""


def read(connection: Connection, spans: Mapping[str, Span], every: int) -> dict[str, list[tuple[float, Said]]]:
    """What each device said within its span, in the order of time, only every `every`-th reading.

    A reading that cannot be understood is left out: somebody else's check has let it in.
    """
    if not spans:
        return {}
    table = tables.TELEMETRY.c
    first, last = min(start for start, _ in spans.values()), max(end for _, end in spans.values())
    within = table.device.in_(spans) & table.at_s.between(first, last) & (table.sequence % every == 0)
    found: dict[str, list[tuple[float, Said]]] = {}
    query = sa.select(table.device, table.at_s, table.body).where(within).order_by(table.at_s, table.sequence)
    for device, at_s, body in connection.execute(query):
        start, end = spans[device]
        if start <= at_s <= end:
            try:
                found.setdefault(device, []).append((at_s, _DECODER.decode(body)))
            except msgspec.DecodeError:
                continue
    return found


def thinning(connection: Connection, spans: Mapping[str, Span]) -> int:
    """Every how many-th reading is enough for `read`."""
    if not spans:
        return 1
    table = tables.TELEMETRY.c
    first, last = min(start for start, _ in spans.values()), max(end for _, end in spans.values())
    within = table.device.in_(spans) & table.at_s.between(first, last)
    stored = connection.scalar(sa.select(sa.func.count()).where(within)) or 0
    return max(1, round(stored / len(spans) / READINGS))


def windows_of(
    said: Mapping[str, Sequence[tuple[float, Said]]], serves: Callable[[str, str], bool]
) -> dict[str, tuple[str, Window]]:
    """Digest and window of each device whose readings suffice.

    `serves(device, digest)` says which readings count; of these, those of the last one's model: a device that changes
    model on its own is compared on neither.
    """
    found: dict[str, tuple[str, Window]] = {}
    for device, readings in said.items():
        counted = [(at_s, reading) for at_s, reading in readings if serves(device, reading.digest)]
        if not counted:
            continue
        digest = counted[-1][1].digest
        counted = [(at_s, reading) for at_s, reading in counted if reading.digest == digest]
        made = window([reading for _, reading in counted], counted[-1][0] - counted[0][0])
        if made is not None:
            found[device] = digest, made
    return found
