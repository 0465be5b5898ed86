"""A rollout rehearsed: simulated devices, a real broker and server, a good release and a bad one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.broker import Broker
from tests.fleet.parcel import write_bundle
from tests.fleet.server_process import ServerProcess, eventually
from tests.fleet.simulated import FLEET

DEVICES = 50


def test_fifty_devices_take_a_good_release_and_halt_a_bad_one(broker: Broker, tmp_path: Path) -> None:
    server, ledger = ServerProcess(tmp_path, broker.url), tmp_path / "ledger.jsonl"
    options = ["--devices", str(DEVICES), "--broker", broker.url, "--fleet", FLEET, "--every", "1", "--json"]
    options += ["--behaviours", "good=0.96,flapping=0.04", "--model", "digits@3:confidence=0.3", "--processes", "2"]
    with (tmp_path / "words").open("wb") as words:
        simulation = subprocess.Popen(
            [sys.executable, "-m", "edgeferry", "fleet", "simulate", *options, "--ledger", str(ledger)],
            stdout=subprocess.PIPE,
            stderr=words,
        )
    try:
        assert eventually(lambda: _online(server) == DEVICES, within_s=60)
        for version in (2, 3):
            server.client.release(write_bundle(tmp_path, version=version, content=bytes([version]) * 200_000))
        good = _ended(server, "digits@2", ["1", "20%", "all"])
        assert (good["state"], good["counts"]) == ("done", {"committed": DEVICES})
        bad = _ended(server, "digits@3", ["2", "all"])
        assert (bad["state"], bad["cause"]) == ("halted", "confidence")
        assert bad["counts"]["waiting"] == DEVICES - 2
        simulation.send_signal(signal.SIGTERM)
        said, _ = simulation.communicate(timeout=60)
    finally:
        simulation.kill()
        simulation.wait()
    tally = json.loads(said)["tally"]
    assert (tally["waiting"], tally["lost"]) == (0, 0)
    assert tally["fetched_bytes"] >= DEVICES * 200_000
    assert tally["models"] == {"digits@2": DEVICES}
    assert server.stop() == 0
    assert _stored(tmp_path) == {
        (line["device"], line["boot"]): line["messages"] for line in map(json.loads, ledger.read_text().splitlines())
    }


def _online(server: ServerProcess) -> int:
    return sum(one["online"] for one in server.get("/api/devices")["devices"])


def _ended(server: ServerProcess, release: str, phases: list[str]) -> dict[str, Any]:
    limits = {"min_mean_confidence": 0.6}
    order = {"release": release, "phases": phases, "limits": limits}
    number = server.client.create_rollout(order)["id"]
    assert eventually(lambda: server.client.rollout(number)["state"] != "running", within_s=120)
    # Whoever is under way when a rollout halts says its last word a moment later.
    last: dict[str, Any] = eventually(lambda: _settled(server.client.rollout(number)), within_s=30)
    return last


def _settled(rollout: dict[str, Any]) -> dict[str, Any]:
    return rollout if set(rollout["counts"]) <= {"committed", "refused", "rolled-back", "waiting"} else {}


def _stored(folder: Path) -> dict[tuple[str, str], int]:
    engine = sa.create_engine(f"sqlite:///{folder / 'fleet.db'}")
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT device, boot, telemetry + events + reported FROM progress"))
        found = {(row[0], row[1]): row[2] for row in rows}
    engine.dispose()
    return found
