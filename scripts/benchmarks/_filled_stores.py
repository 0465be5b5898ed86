"""Stores as large as a fleet leaves them after a day, filled without the collector.

Ten devices speak for all: their day of readings goes through the same roll-up code as at ingest, and every other
device is a copy of one of them under its own name. Rows lie in the order of time, devices mixed, as they come.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy as sa
from msgspec import structs
from sqlalchemy.engine import Connection

from contract.codec import to_json
from contract.messages import Birth, FrameLedger, Percentiles, Telemetry
from contract.moments import rfc3339
from fleet import tables
from fleet.keeping import bulk, partitions
from fleet.keeping.rollups import EVERYBODY, SPANS
from fleet.keeping.summary import Summary, to_body
from fleet.keeping.tallies import tally
from fleet.keeping.windows import summaries
from fleet.store import Store
from tests.broker import free_port
from tests.fleet.postgres import programs
from tests.fleet.simulated import DIGEST, reading

EVERY_S = 10
VOICES = 10
PROFILES, MODELS = ("rpi4", "rpi5", "jetson-orin-jp6"), ("digits@1", "digits@2")
_AT_ONCE = 20_000
_STAGES = (("preprocess", 0.3), ("invoke", 0.8), ("postprocess", 0.1), ("total", 1.2), ("age", 3.0))


@dataclass(frozen=True)
class Voice:
    """One device that speaks for others."""

    readings: tuple[Telemetry, ...]
    bodies: tuple[str, ...]
    profile: str
    model: str


def voices(count: int, now_s: float) -> list[Voice]:
    """`count` readings each, EVERY_S apart, the last at `now_s`."""
    return [_voice(number, count, now_s) for number in range(VOICES)]


def _voice(number: int, count: int, now_s: float) -> Voice:
    chance, model = Random(number), MODELS[number % len(MODELS)]
    said: list[Telemetry] = []
    for n in range(1, count + 1):
        slow = chance.gauss(20, 1) * (1 + number / 5)
        latency = {
            name: Percentiles(
                p50=round(slow * share, 3), p95=round(slow * share * 1.3, 3), p99=round(slow * share * 2, 3)
            )
            for name, share in _STAGES
        }
        ledger = FrameLedger(captured=105 * n, inferred=100 * n, damaged=n // 50, dropped={"stale": 5 * n - n // 50})
        plain = reading(n, at_s=now_s - (count - n) * EVERY_S, model=model, chance=chance)
        said.append(structs.replace(plain, window_s=float(EVERY_S), ledger=ledger, latency_ms=latency))
    bodies = tuple(to_json(one).decode() for one in said)
    return Voice(tuple(said), bodies, PROFILES[number % len(PROFILES)], model)


def fill(store: Store, devices: int, count: int, now_s: float) -> None:
    """A store of `devices` devices with `count` readings each, and everything else the page lists."""
    said = voices(count, now_s)
    names = [f"cam-{number:05d}" for number in range(devices)]
    with store.writing() as connection:
        _fill_devices(connection, names, said, count, now_s)
        _fill_lists(connection, names, now_s)
        _fill_rollups(connection, names, said)
    if store.backend == "postgresql":
        with store.writing() as connection:
            for table in ("telemetry", "events", "rollup_minutes"):
                for day in range(int(now_s // 86400) - 2, int(now_s // 86400) + 8):
                    partitions.make(connection, partitions.Partition(table, day))
    _fill_readings(store, names, said, count, now_s)
    with store.reading() as connection:
        connection.execute(sa.text("ANALYZE"))


def _fill_devices(connection: Connection, names: list[str], said: list[Voice], count: int, now_s: float) -> None:
    devices, boots = [], []
    for number, name in enumerate(names):
        voice = said[number % VOICES]
        birth = Birth(
            at=rfc3339(now_s),
            boot="b1",
            profile=voice.profile,
            edgeferry="0.1.0",
            python="3.11.7",
            backend="ai-edge-litert 2.3.0",
            model=voice.model,
            digest=DIGEST,
            site=f"site {number % 40}",
            tags={"lat": f"{48 + number % 10}", "lon": f"{11 + number % 7}"},
        )
        known = {"device": name, "boot": "b1", "online": number % 20 != 0, "birth": to_json(birth).decode()}
        known |= {"model": voice.model, "digest": DIGEST, "latest": voice.bodies[-1], "latest_boot": "b1"}
        known |= {"latest_sequence": count, "reported": None, "first_seen_s": now_s - 86400, "last_seen_s": now_s}
        known |= {"site": birth.site, "profile": voice.profile, "telemetry": count, "messages": count}
        devices.append(known)
        counters = to_json(tally(voice.readings[-1])).decode()
        boot = {"device": name, "boot": "b1", "acknowledged": count, "above": "[]", "telemetry": count}
        boots.append(boot | {"events": 0, "reported": 0, "counters": counters})
    bulk.insert(connection, tables.DEVICES, devices)
    bulk.insert(connection, tables.PROGRESS, boots)


def _fill_lists(connection: Connection, names: list[str], now_s: float) -> None:
    """Fifty rollouts over all devices, 5,000 kinds of refusals, 200 events of each of the first hundred devices."""
    rollouts: list[dict[str, Any]] = [
        {
            "id": number,
            "name": "digits",
            "version": number,
            "phases": '["1","all"]',
            "limits": "{}",
            "deadline_s": 1800.0,
            "state": "done",
            "detail": "",
            "created_s": now_s - 1000 * number,
        }
        for number in range(1, 51)
    ]
    bulk.insert(connection, tables.ROLLOUTS, rollouts)
    told = {"wave": 0, "digest": DIGEST, "state": "committed", "detail": "", "updated_s": now_s}
    for number in range(1, 51):
        rows = [{"rollout": number, "device": name, "counter": number, **told} for name in names]
        bulk.insert(connection, tables.ASSIGNMENTS, rows)
    refused = {"cause": "malformed", "messages": 3, "first_s": now_s, "detail": "not JSON", "sample": b"{" * 500}
    rows = [{"topic": f"edgeferry/barn/x{n}/telemetry", "last_s": now_s - n, **refused} for n in range(5000)]
    bulk.insert(connection, tables.QUARANTINE, rows)
    result = '{"sequence":%d,"result":{"source":"cam","frame":%d,"captured_at":"2026-01-01T00:00:00Z","classes":[]}}'
    for name in names[:100]:
        rows = [
            {
                "device": name,
                "boot": "b0",
                "sequence": n,
                "at_s": now_s - n,
                "received_s": now_s - n,
                "body": result % (n, n),
            }
            for n in range(1, 201)
        ]
        bulk.insert(connection, tables.EVENTS, rows)


def _fill_rollups(connection: Connection, names: list[str], said: list[Voice]) -> None:
    for span_s, table in SPANS:
        spans = [_spans(voice, span_s) for voice in said]
        bodies = [{start_s: to_body(summary) for start_s, summary in found.items()} for found in spans]
        together: dict[tuple[str, str, int], Summary] = defaultdict(Summary)
        for voice, found in zip(said, spans, strict=True):
            for start_s, summary in found.items():
                together[voice.profile, voice.model, start_s].add(summary)
        rows = [
            {"device": EVERYBODY, "start_s": start_s, "profile": profile, "model": model, "body": to_body(summary)}
            for (profile, model, start_s), summary in together.items()
        ]
        for number, name in enumerate(names):
            voice = said[number % VOICES]
            key = {"device": name, "profile": voice.profile, "model": voice.model}
            rows += [key | {"start_s": start_s, "body": body} for start_s, body in bodies[number % VOICES].items()]
            if len(rows) > _AT_ONCE:
                bulk.insert(connection, table, [{"shard": 0, **row} for row in rows])
                rows = []
        bulk.insert(connection, table, [{"shard": 0, **row} for row in rows])


def _spans(voice: Voice, span_s: int) -> dict[int, Summary]:
    found: dict[int, Summary] = defaultdict(Summary)
    for when_s, summary in summaries(voice.readings):
        found[int(when_s // span_s) * span_s].add(summary)
    return found


def _fill_readings(store: Store, names: list[str], said: list[Voice], count: int, now_s: float) -> None:
    def rows() -> Iterator[tuple[Any, ...]]:
        for n in range(count):
            at_s = now_s - (count - 1 - n) * EVERY_S
            for number, name in enumerate(names):
                yield name, "b1", n + 1, at_s, at_s, said[number % VOICES].bodies[n]

    columns = "device, boot, sequence, at_s, received_s, body"
    with store.writing() as connection:
        driver: Any = connection.connection.driver_connection
        if store.backend == "sqlite":
            driver.executemany(f"INSERT INTO telemetry ({columns}) VALUES (?, ?, ?, ?, ?, ?)", rows())
            return
        with driver.cursor().copy(f"COPY telemetry ({columns}) FROM STDIN") as copy:
            for row in rows():
                copy.write_row(row)


@contextlib.contextmanager
def durable_postgres() -> Iterator[str]:
    """The address of an empty PostgreSQL as it comes: fsync on, nothing tuned."""
    program = programs()
    if program is None:
        raise SystemExit("PostgreSQL is not installed")
    folder, port = Path(tempfile.mkdtemp(prefix="edgeferry-bench-")), free_port()
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def run(*command: str) -> None:
        subprocess.run([*as_user, program[command[0]], *command[1:]], check=True, capture_output=True, cwd=folder)

    data = str(folder / "data")
    run("initdb", "-D", data, "-U", "tester", "-A", "trust")
    run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", f"-h 127.0.0.1 -p {port} -k {folder}", "start")
    try:
        yield f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", data, "-w", "-m", "fast", "stop")
        shutil.rmtree(folder)
