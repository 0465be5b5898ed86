"""An update's whole way with real parts: offline keys, fleet server, broker, agent, repository, delta, rollout."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.keys import load_signer
from tests.broker import Broker
from tests.conftest import edgeferry
from tests.edge.tiny_bundle import PROFILE, write_bundle
from tests.fleet.server_process import ServerProcess, eventually
from tests.fleet.simulated import FLEET

PATIENCE_S = 90.0
SETTLED = ("committed", "refused", "rolled-back")


class Barn:
    """A fleet server that cannot vouch for anything itself, and one device that pins the root."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.folder = folder
        for purpose in ("publisher", "fleet", "root", "targets"):
            edgeferry("keys", "new", self.key(purpose))
        offline = ("--root", self.key("root"), "--targets", self.key("targets"))
        edgeferry(
            "fleet", "trust", "init", *offline, "--online", f"{self.key('fleet')}.pub", "--out", folder / "metadata"
        )
        vouching = ("--metadata", str(folder / "metadata"), "--key", str(self.key("fleet")))
        self.server = ServerProcess(folder, broker.url, *vouching, "--trust", f"{self.key('publisher')}.pub")
        self.first = self.bundle(1)
        self.config = folder / "device.toml"
        self.config.write_text(
            f"""fleet = "{FLEET}"
device = "cam-1"
profile = "{PROFILE}"
state_dir = "state"
bundle = "{self.first.name}"
[broker]
url = "{broker.url}"
[trust]
publishers = ["publisher.key.pub"]
fleet = ["fleet.key.pub"]
root = "metadata/1.root.json"
[camera]
source = "synthetic:?size=32x24&fps=50"
[inference]
threads = 1
isolate = false
[telemetry]
every_s = 0.5
"""
        )
        self.log = folder / "agent.log"
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "edgeferry", "agent", "--config", str(self.config)]
            self.agent = subprocess.Popen(command, stderr=log)

    def key(self, purpose: str) -> Path:
        return self.folder / f"{purpose}.key"

    def bundle(self, version: int, **changes: Any) -> Path:
        return write_bundle(self.folder, version, signer=load_signer(self.key("publisher")), **changes)

    def release(self, *files: Path, vouched: bool = True) -> None:
        vouching = ("--targets-key", self.key("targets")) if vouched else ()
        edgeferry("fleet", "release", *files, *vouching, "--server", self.server.url)

    def roll_out(self, version: int) -> dict[str, Any]:
        """The device's last word about it."""
        limits = ("--health-frames", "5", "--min-confidence", "0.5")
        begun = edgeferry(
            "fleet", "rollout", "create", f"tiny@{version}", *limits, "--server", self.server.url, "--json"
        )
        number = json.loads(begun.stdout)["id"]
        found = eventually(lambda: self._last_word(number), within_s=PATIENCE_S)
        assert found is not None, self.log.read_text()
        return found

    def _last_word(self, rollout: int) -> dict[str, Any] | None:
        (device,) = self.server.get(f"/api/rollouts/{rollout}")["devices"]
        return device if device["state"] in SETTLED else None

    def close(self) -> None:
        self.agent.send_signal(signal.SIGTERM)
        assert self.agent.wait(PATIENCE_S) == 0, self.log.read_text()
        assert self.server.stop() == 0
        assert "Traceback" not in self.log.read_text()


@pytest.fixture(scope="module")
def barn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Barn]:
    folder = tmp_path_factory.mktemp("barn")
    broker = Broker(folder)
    broker.start()
    made = Barn(folder, broker)
    assert eventually(lambda: made.server.get("/api/devices"), within_s=PATIENCE_S), made.log.read_text()
    yield made
    made.close()
    broker.stop()


def test_a_vouched_release_comes_as_a_delta_and_is_committed(barn: Barn) -> None:
    second, delta = barn.bundle(2), barn.folder / "tiny-1-2.delta"
    edgeferry("bundle", "diff", barn.first, second, "--out", delta)
    barn.release(barn.first, second, delta)
    last = barn.roll_out(2)
    assert (last["state"], last["cause"]) == ("committed", None)
    fetched = f"fetching a delta of {delta.stat().st_size} bytes instead of {second.stat().st_size}"
    assert fetched in barn.log.read_text()
    assert barn.server.get("/api/devices/cam-1")["model"] == "tiny@2"


def test_what_the_offline_keys_do_not_vouch_for_is_refused_though_the_server_assigns_it(barn: Barn) -> None:
    barn.release(barn.bundle(3), vouched=False)
    last = barn.roll_out(3)
    assert (last["state"], last["cause"]) == ("refused", "metadata")
    assert barn.server.get("/api/devices/cam-1")["model"] != "tiny@3"


def test_below_the_raised_floor_nothing_is_installed_any_more(barn: Barn) -> None:
    floor = ("--targets-key", barn.key("targets"), "--server", barn.server.url)
    barn.release(barn.bundle(4), barn.bundle(5, security=(2, 0)))
    edgeferry("fleet", "trust", "floor", "2", *floor)
    assert barn.roll_out(4)["cause"] == "floor"
    assert barn.roll_out(5)["state"] == "committed"
