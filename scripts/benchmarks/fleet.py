"""A fleet of 5,000 simulated devices on one machine: connecting, a rollout of a five-megabyte bundle, readings.

Everything runs here: broker, PostgreSQL with fsync, the server and the devices share the cores, so a server of its
own does better. The short form has 300 devices.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from scripts.benchmarks._fleet_limits import broker_messages_per_s, copy_rows_per_s
from scripts.benchmarks._fleet_station import MIX, Simulation, Station, running, until
from scripts.benchmarks.figure import Figure, at_least, at_most

_CONNECT_S, _ROLLOUT_S, _MEMORY_MB = 20.0, 300.0, 1000.0
_READINGS_PER_S = 10_000.0
_EVERY_S = 10
_IN_A_BATCH = 100


def figures(short: bool) -> dict[str, Figure]:
    """Times in seconds, memory in millions of bytes, rates a second."""
    devices, senders, backlog = (300, 50, 500) if short else (5000, 200, 2000)
    with tempfile.TemporaryDirectory() as name, running(Path(name)) as station:
        return _lived(station, devices) | _poured(station, senders, backlog)


def _lived(station: Station, devices: int) -> dict[str, Figure]:
    """Connecting, living, one rollout to everybody."""
    release = station.release(2)
    simulation = Simulation(
        station.folder, station.broker, "live", devices, "--every", str(_EVERY_S), "--behaviours", MIX
    )
    try:
        seen_s = until(lambda: station.online() >= devices, within_s=300, what="all seen by the server")
        rollout_s = _rolled_out(station, release)
    finally:
        outcome = simulation.finish(stop=True)
    tally, missing = outcome["tally"], station.missing(simulation)
    return {
        "devices": Figure(devices, ""),
        "all_connected": at_most(tally["all_connected_s"], _CONNECT_S, "s, processes' start included"),
        "all_seen_by_the_server": Figure(seen_s, "s"),
        "rollout": at_most(rollout_s, _ROLLOUT_S, "s, three phases, 5 MB each"),
        "fetched": Figure(tally["fetched_bytes"] / 1e9, "GB"),
        "server_memory": at_most(station.peak_mb(), _MEMORY_MB, "MB at most"),
        "lost": at_most(
            sum(abs(count) for count in missing.values()) + tally["lost"], 0, f"of {tally['put']} messages"
        ),
        "probes": Figure(tally["probes"], "batches sent again"),
    }


def _rolled_out(station: Station, release: str) -> float:
    client = station.server.client
    order = {"release": release, "phases": ["1", "5%", "all"], "deadline_minutes": 15}
    began_s = time.monotonic()
    number = client.create_rollout(order)["id"]

    def summary() -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in client.rollouts()["rollouts"] if one["id"] == number)
        return found

    until(lambda: summary()["state"] != "running", within_s=900, what="the rollout")
    ended = summary()
    if ended["state"] != "done":
        raise RuntimeError(f"the rollout ended as {ended['state']}: {ended['detail']} {ended['counts']}")
    return time.monotonic() - began_s


def _poured(station: Station, senders: int, backlog: int) -> dict[str, Figure]:
    """Devices that come back from an outage with all they hold: what the server takes when there is no end of it."""
    options = ("--backlog", str(backlog), "--every", "60", "--behaviours", "good=1", "--prefix", "back-")
    before_s, wanted = station.cpu_s(), senders * backlog
    simulation = Simulation(station.folder, station.broker, "pour", senders, *options)
    begin = _Count(station)
    until(lambda: begin.stored() > 0, within_s=60, what="the first reading")
    began_s = time.monotonic()
    first = begin.stored()
    until(lambda: begin.stored() >= wanted, within_s=600, what="all readings stored")
    rate = (begin.stored() - first) / (time.monotonic() - began_s)
    cpu_s = station.cpu_s() - before_s
    simulation.finish(stop=True)
    broker = broker_messages_per_s(station.broker, _IN_A_BATCH, 3000) * _IN_A_BATCH
    copied = copy_rows_per_s(station.dsn, 100_000)
    missing = station.missing(simulation)
    return {
        "readings": at_least(rate, _READINGS_PER_S, f"a second, in batches of {_IN_A_BATCH}"),
        "lost_of_the_backlog": at_most(sum(abs(count) for count in missing.values()), 0, f"of {wanted}"),
        "server_time": Figure(1e6 * cpu_s / wanted, "us a reading"),
        "broker_limit": Figure(broker, "readings a second through the broker alone"),
        "share_of_broker": Figure(rate / broker, "of it"),
        "copy_limit": Figure(copied, "rows a second by COPY alone"),
        "share_of_copy": Figure(rate / copied, "of it"),
    }


class _Count:
    """Readings stored of the devices that pour."""

    def __init__(self, station: Station) -> None:
        self._dsn = station.dsn

    def stored(self) -> int:
        """At this moment."""
        import psycopg

        with psycopg.connect(self._dsn) as connection:
            found = connection.execute("SELECT coalesce(sum(telemetry), 0) FROM progress WHERE device LIKE 'back-%'")
            row = found.fetchone()
        return int(row[0]) if row else 0
