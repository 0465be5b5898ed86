"""The two-server form: the commands of docs/deploy/compose.yaml as plain processes; one of each is killed."""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import yaml  # type: ignore[import-untyped]

from edge.kept_files import KeptFiles
from fleet.client import Client
from tests.broker import Broker
from tests.conftest import ROOT
from tests.fleet.parcel import write_bundle
from tests.fleet.postgres import postgres
from tests.fleet.server_process import eventually
from tests.fleet.simulated import FLEET, SimulatedDevice

SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "deploy" / "compose.yaml").read_text())["services"]


def command(service: str, here: dict[str, str]) -> list[str]:
    """The words of the compose file, with what is elsewhere on this machine exchanged."""
    words = SERVICES[service]["command"].split()
    assert words[:2] == ["edgeferry", "fleet"]
    exchanged = [here.get(before, word) for before, word in itertools.pairwise(words)]
    left_out = {"--key"}  # the development key signs here
    kept = [w for i, w in enumerate(exchanged) if w not in left_out and words[i] not in left_out]
    return [sys.executable, "-m", "edgeferry", *kept]


@contextmanager
def started(service: str, here: dict[str, str], log: Path) -> Iterator[subprocess.Popen[str]]:
    with log.open("ab") as words:
        process = subprocess.Popen(command(service, here), stdout=subprocess.PIPE, stderr=words, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return str(json.loads(process.stdout.readline())["url"])


def online(url: str) -> list[str]:
    with urllib.request.urlopen(f"{url}/api/devices", timeout=10) as answer:
        return sorted(one["id"] for one in json.load(answer)["devices"] if one["online"])


def pictures(url: str) -> list[str]:
    """What cam-1 answers when this server asks it."""
    with urllib.request.urlopen(f"{url}/api/pictures/cam-1", timeout=10) as answer:
        return [one["name"] for one in json.load(answer)["pictures"]]


def stored(store: str) -> int:
    with psycopg.connect(store.replace("+psycopg", "")) as connection:
        row = connection.execute("SELECT count(*) FROM telemetry").fetchone()
    assert row is not None
    return int(row[0])


def resent(device: SimulatedDevice, last: int) -> bool:
    """Send everything again, as a device does whose collector is silent; whether all of it is acknowledged."""
    device.send(range(1, last + 1), oldest=1)
    with contextlib.suppress(queue.Empty):
        while device.acks.get(timeout=2).sequence < last:
            pass
        return True
    return False


def test_one_of_each_is_killed_and_work_goes_on(broker: Broker, tmp_path: Path) -> None:
    with postgres() as store:
        here = {"--broker": broker.url, "--store": store, "--repository": str(tmp_path / "bundles")}
        here |= {"--fleet": FLEET, "--host": "127.0.0.1", "--port": "0", "--public-url": "http://127.0.0.1:1"}
        log = tmp_path / "log"
        (tmp_path / "pictures").mkdir()
        (tmp_path / "pictures" / "a.jpg").touch()
        with (
            started("serve-1", here, log) as first,
            started("serve-2", here, log) as second,
            started("collect-1", here, log) as collector,
            started("collect-2", here, log),
        ):
            urls = [url_of(first), url_of(second)]
            assert eventually(lambda: log.read_text().count("Collecting.") == 2, within_s=60), log.read_text()
            assert log.read_text().count("shared with other collectors") == 2
            device = SimulatedDevice(broker.port, "cam-1")
            for number in range(1, 21):
                device.send([number], oldest=1)
            assert device.acknowledged(20, timeout_s=30)[-1] == 20
            assert [online(url) for url in urls] == [["cam-1"], ["cam-1"]]
            device.answer = KeptFiles([tmp_path / "pictures"]).answer
            assert [pictures(url) for url in urls] == [["a.jpg"], ["a.jpg"]]

            collector.kill()
            first.kill()
            first.wait()
            for number in range(21, 41):
                device.send([number], oldest=21)
            assert eventually(lambda: resent(device, 40), within_s=60)
            assert stored(store) == 40

            Client(urls[1]).release(write_bundle(tmp_path))
            Client(urls[1]).create_rollout({"release": "digits@2", "phases": ["all"]})
            assert device.told(timeout_s=30).name == "digits"
            device.stop()
