"""What `fleet export` writes: for each kind its columns, and the rows of the store that fill them.

Moments are RFC 3339 in UTC; what has no fixed shape (drops by cause, a frame's result) is one cell of JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from contract.errors import DataError
from contract.messages import Telemetry
from contract.moments import rfc3339
from fleet import tables

What = Literal["readings", "events", "devices", "rollouts", "quarantine"]
Type = Literal["text", "whole", "real", "yes or no"]
ROWS = 1000
"""Rows in memory at a time."""
_TELEMETRY = msgspec.json.Decoder(Telemetry)
_STAMPS: dict[str, Type] = {"device": "text", "boot": "text", "sequence": "whole", "at": "text", "received_at": "text"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One kind: its columns, where the rows come from, what narrows them, and what a row becomes."""

    columns: dict[str, Type]
    query: sa.Select[Any]
    since: sa.ColumnElement[Any]
    of_device: Callable[[str], sa.ColumnElement[bool]]
    cells: Callable[[Row[Any]], tuple[Any, ...]]


def rows(
    connection: Connection, sheet: Sheet, *, since_s: float | None, device: str | None
) -> Iterator[list[tuple[Any, ...]]]:
    """Those that came at `since_s` or later and are about `device`, ROWS at a time."""
    query = sheet.query
    if since_s is not None:
        query = query.where(sheet.since >= since_s)
    if device is not None:
        query = query.where(sheet.of_device(device))
    streaming = connection.execution_options(stream_results=True, max_row_buffer=ROWS)
    with streaming.execute(query) as found:
        for some in found.partitions(ROWS):
            yield [sheet.cells(row) for row in some]


def sheets() -> dict[What, Sheet]:
    """Every kind."""
    return {
        "readings": _readings(),
        "events": _events(),
        "devices": _devices(),
        "rollouts": _rollouts(),
        "quarantine": _quarantine(),
    }


def _readings() -> Sheet:
    columns: dict[str, Type] = {
        **_STAMPS,
        **dict.fromkeys(("model", "digest"), "text"),
        **dict.fromkeys(("window_s", "frames_per_s"), "real"),
        **dict.fromkeys(("captured", "inferred", "gated", "damaged", "dropped"), "whole"),
        **dict.fromkeys(("latency_p50_ms", "latency_p95_ms", "latency_p99_ms"), "real"),
        **dict.fromkeys(("mean_confidence", "temperature_c"), "real"),
        "rss_bytes": "whole",
        "throttled": "yes or no",
        **dict.fromkeys(("latency_ms", "dropped_by_cause", "classes"), "text"),
    }
    return _messages(tables.TELEMETRY, columns, _reading)


def _reading(row: Row[Any]) -> tuple[Any, ...]:
    try:
        said = _TELEMETRY.decode(row.body)
    except msgspec.DecodeError as problem:
        raise DataError(
            f"reading {row.sequence} of {row.device} is none: {problem}",
            where="telemetry",
            fix="Narrow the export by --device or --since.",
        ) from problem
    ledger, total = said.ledger, said.latency_ms.get("total")
    return (
        *_stamps(row),
        *(said.model, said.digest, said.window_s, said.frames_per_s),
        *(ledger.captured, ledger.inferred, ledger.gated, ledger.damaged, sum(ledger.dropped.values())),
        *((total.p50, total.p95, total.p99) if total else (None, None, None)),
        *(said.mean_confidence, said.temperature_c, said.rss_bytes, said.throttled),
        *(_json(said.latency_ms), _json(ledger.dropped), _json(said.classes)),
    )


def _events() -> Sheet:
    return _messages(tables.EVENTS, {**_STAMPS, "event": "text"}, lambda row: (*_stamps(row), row.body))


def _messages(table: sa.Table, columns: dict[str, Type], cells: Callable[[Row[Any]], tuple[Any, ...]]) -> Sheet:
    return Sheet(columns, sa.select(table), table.c.received_s, lambda device: table.c.device == device, cells)


def _stamps(row: Row[Any]) -> tuple[Any, ...]:
    return row.device, row.boot, row.sequence, rfc3339(row.at_s), rfc3339(row.received_s)


def _devices() -> Sheet:
    table = tables.DEVICES
    texts, counts = ("device", "site", "profile", "model", "digest", "boot"), ("messages", "telemetry", "events")
    columns: dict[str, Type] = {
        **dict.fromkeys(texts, "text"),
        "online": "yes or no",
        **dict.fromkeys(("first_seen", "last_seen"), "text"),
        **dict.fromkeys((*counts, "gaps", "lost"), "whole"),
    }

    def cells(row: Row[Any]) -> tuple[Any, ...]:
        known, numbers = (getattr(row, name) for name in texts), (*counts, "gaps", "lost")
        moments = _moment(row.first_seen_s), _moment(row.last_seen_s)
        return (*known, row.online, *moments, *(getattr(row, name) for name in numbers))

    query = sa.select(table).order_by(table.c.device)
    return Sheet(columns, query, table.c.last_seen_s, lambda device: table.c.device == device, cells)


def _rollouts() -> Sheet:
    """One row a rollout and device."""
    whole, one = tables.ROLLOUTS.c, tables.ASSIGNMENTS.c
    columns: dict[str, Type] = {
        "rollout": "whole",
        **dict.fromkeys(("release", "rollout_state", "created_at", "created_by", "device"), "text"),
        "wave": "whole",
        **dict.fromkeys(("state", "cause", "detail", "digest", "before", "told_at", "updated_at"), "text"),
    }
    query = sa.select(
        *(one.rollout, whole.name, whole.version, whole.state.label("rollout_state"), whole.created_s),
        *(whole.created_by, one.device, one.wave, one.state, one.cause, one.detail, one.digest),
        *(one.before, one.told_s, one.updated_s),
    ).join_from(tables.ASSIGNMENTS, tables.ROLLOUTS, whole.id == one.rollout)

    def cells(row: Row[Any]) -> tuple[Any, ...]:
        made = f"{row.name}@{row.version}", row.rollout_state, rfc3339(row.created_s), row.created_by
        became = row.state, row.cause, row.detail, row.digest, row.before
        return row.rollout, *made, row.device, row.wave, *became, _moment(row.told_s), rfc3339(row.updated_s)

    query = query.order_by(one.rollout, one.device)
    return Sheet(columns, query, whole.created_s, lambda device: one.device == device, cells)


def _quarantine() -> Sheet:
    """Samples in hex: they may be any bytes."""
    table = tables.QUARANTINE.c
    columns: dict[str, Type] = {
        **dict.fromkeys(("topic", "cause"), "text"),
        "messages": "whole",
        **dict.fromkeys(("first_at", "last_at", "detail", "sample_hex"), "text"),
    }

    def cells(row: Row[Any]) -> tuple[Any, ...]:
        moments = rfc3339(row.first_s), rfc3339(row.last_s)
        return row.topic, row.cause, row.messages, *moments, row.detail, row.sample.hex()

    def of(device: str) -> sa.ColumnElement[bool]:
        return table.topic.contains(f"/{device}/", autoescape=True)

    return Sheet(columns, sa.select(tables.QUARANTINE).order_by(table.topic, table.cause), table.last_s, of, cells)


def _moment(unix_s: float | None) -> str | None:
    return None if unix_s is None else rfc3339(unix_s)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
