"""The server as a process: how it starts, how it fails, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.broker import Broker, free_port
from tests.fleet.server_process import ServerProcess, eventually
from tests.fleet.simulated import FLEET, SimulatedDevice


def run(tmp_path: Path, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "edgeferry", "fleet", command, "--fleet", FLEET, *options]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        arguments, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path, env=environment
    )


def test_it_says_where_it_listens_keeps_everything_and_ends_well(tmp_path: Path, broker: Broker) -> None:
    server = ServerProcess(tmp_path, broker.url)
    assert set(server.ready) == {"url", "pid"}
    assert server.ready["pid"] == server.process.pid
    device = SimulatedDevice(broker.port, "cam-1")
    device.send([1, 2])
    device.acknowledged(2)
    assert server.stop() == 0
    assert "Traceback" not in server.words.read_text()
    again = ServerProcess(tmp_path, broker.url)
    assert again.get("/api/stats")["stored"] == 2
    device.send([3])
    assert eventually(lambda: again.get("/api/stats")["stored"] == 3)
    again.process.send_signal(signal.SIGINT)
    assert again.finish() == 0
    device.stop()


def test_without_a_broker_it_says_so_and_leaves(tmp_path: Path) -> None:
    nowhere = f"mqtt://127.0.0.1:{free_port()}"
    for command in ("serve", "collect"):
        done = run(tmp_path, command, "--broker", nowhere)
        assert done.returncode == 9
        assert f"where: {nowhere}" in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path, broker: Broker) -> None:
    done = run(tmp_path, "serve", "--broker", broker.url, "--port", str(broker.port))
    assert done.returncode == 2
    assert "Address already in use" in done.stderr
    assert list(tmp_path.glob("*.db")) == []


def test_an_open_address_without_users_is_refused_by_name(tmp_path: Path, broker: Broker) -> None:
    done = run(tmp_path, "serve", "--broker", broker.url, "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "development key" in done.stderr
    assert "reads passwords" in done.stderr
    assert "would let anybody in, for it has no users" in done.stderr
    assert "edgeferry fleet user add" in done.stderr


def test_a_collector_alone_stores_and_ends_well(tmp_path: Path, broker: Broker) -> None:
    command = [sys.executable, "-m", "edgeferry", "fleet", "collect", "--fleet", FLEET, "--broker", broker.url]
    store = f"sqlite:///{tmp_path / 'fleet.db'}"
    with subprocess.Popen([*command, "--store", store], stderr=subprocess.PIPE, text=True) as collector:
        assert collector.stderr is not None
        assert any("Collecting." in line for line in collector.stderr)
        device = SimulatedDevice(broker.port, "cam-1")
        device.send([1, 2])
        device.acknowledged(2)
        collector.send_signal(signal.SIGTERM)
        assert collector.wait(20) == 0
    device.stop()
