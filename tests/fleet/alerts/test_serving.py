"""Alerts end to end: a whole server, its API, its commands and a real webhook."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import pytest

from contract.codec import to_json
from contract.messages import Batch
from tests.broker import MOSQUITTO, Broker
from tests.conftest import edgeferry
from tests.fleet.alerts.receivers import HookReceiver, receiving
from tests.fleet.server_process import ServerProcess, eventually
from tests.fleet.simulated import SimulatedDevice, reading

QUICK = """
every_s = 0.1
group_wait_s = 0
group_interval_s = 0
[offline]
after_s = 0.2
clear_s = 0.2
[broker]
settle_s = 0
[heat]
windows = 1
clear_windows = 1
[[webhook]]
name = "ops"
url = "{url}"
"""


@dataclass
class Watched:
    """A server that looks ten times a second, and who hears of it."""

    server: ServerProcess
    broker: Broker
    hook: HookReceiver
    http: httpx.Client

    def open(self, device: str) -> list[dict[str, str]]:
        alerts = self.http.get("/api/alerts", params={"open": True}).json()["alerts"]
        return [alert for alert in alerts if alert["device"] == device]

    def told(self, device: str) -> list[tuple[str, str]]:
        said = [json.loads(body) for _, body in self.hook.taken]
        return [(one["kind"], one["state"]) for one in said if device in [alert["device"] for alert in one["alerts"]]]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    if not shutil.which(MOSQUITTO):
        pytest.skip("mosquitto is not installed")
    folder = tmp_path_factory.mktemp("alerts")
    broker = Broker(folder)
    broker.start()
    with receiving(HookReceiver()) as hook:
        (folder / "alerts.toml").write_text(QUICK.format(url=hook.url))
        server = ServerProcess(folder, broker.url, "--alerts", str(folder / "alerts.toml"))
        with httpx.Client(base_url=server.url) as http:
            yield Watched(server, broker, hook, http)
        assert server.stop() == 0
    broker.stop()


def test_a_device_that_gets_hot_and_leaves_is_told_of_and_so_is_its_return(watched: Watched) -> None:
    device = SimulatedDevice(watched.broker.port, "hot-1", site="roof")
    device.read_on()
    assert watched.open("hot-1") == []
    device.publish("telemetry", _hot(device))
    (alert,) = eventually(lambda: watched.open("hot-1"))
    assert (alert["kind"], alert["words"], alert["site"], alert["severity"]) == ("heat", "91 °C", "roof", "warning")
    device.stop()
    assert eventually(lambda: [a["kind"] for a in watched.open("hot-1")] == ["offline", "heat"])
    assert eventually(lambda: ("offline", "open") in watched.told("hot-1"))
    assert ("heat", "open") in watched.told("hot-1")
    again = SimulatedDevice(watched.broker.port, "hot-1", site="roof")
    assert eventually(lambda: ("offline", "ended") in watched.told("hot-1"))
    again.stop()


def _hot(device: SimulatedDevice) -> bytes:
    device.sequence += 1
    hot = msgspec.structs.replace(reading(device.sequence), temperature_c=91.0)
    return to_json(Batch(boot=device.boot, oldest=device.sequence, telemetry=(hot,)))


def test_an_alert_is_silenced_by_hand_and_the_silence_is_ended_again(watched: Watched) -> None:
    device = SimulatedDevice(watched.broker.port, "quiet-1")
    device.stop()
    (alert,) = eventually(lambda: watched.open("quiet-1"))
    assert edgeferry_alerts(watched, "list").count("quiet-1") == 1
    silenced = watched.http.post(f"/api/alerts/{alert['id']}/silence", json={"minutes": 5, "why": "a new roof"})
    assert silenced.status_code == 201
    made = silenced.json()
    assert (made["alert"], made["made_by"], made["why"]) == (alert["id"], "local", "a new roof")
    assert watched.open("quiet-1")[0]["silenced_until"] == made["until"]
    assert "a new roof" in edgeferry_alerts(watched, "silences")
    assert "a new roof" not in edgeferry_alerts(watched, "unsilence", str(made["id"]))
    assert watched.open("quiet-1")[0]["silenced_until"] is None
    wide = json.loads(edgeferry_alerts(watched, "silence", "--site", "x", "--minutes", "9", "--why", "y", "--json"))
    assert (wide["site"], wide["device"]) == ("x", None)


def edgeferry_alerts(watched: Watched, *arguments: str) -> str:
    return edgeferry("fleet", "alerts", *arguments, "--server", watched.server.url).stdout


def test_a_trial_goes_through_the_real_channel(watched: Watched) -> None:
    assert "ops: taken" in edgeferry_alerts(watched, "test")
    assert any(json.loads(body)["kind"] == "test" for _, body in watched.hook.taken)
    assert watched.http.post("/api/alerts/test?channel=nobody").status_code == 404


@pytest.mark.parametrize(
    ("path", "order", "status"),
    [
        ("/api/silences", {"minutes": 5, "why": "x"}, 400),
        ("/api/silences", {"minutes": 5, "why": "x", "kind": "sunshine"}, 400),
        ("/api/silences", {"why": "x", "site": "dock"}, 400),
        ("/api/silences", {"until": "2020-01-01T00:00:00Z", "why": "x", "site": "dock"}, 400),
        ("/api/silences", {"until": "2020-01-01T00:00:00", "why": "x", "site": "dock"}, 422),
        ("/api/silences", {"minutes": 5, "site": "dock"}, 422),
        ("/api/silences", {"minutes": 5, "why": "x", "sight": "dock"}, 422),
        ("/api/silences", {"minutes": 5, "why": "x", "tag": "floor"}, 422),
        ("/api/alerts/99999/silence", {"minutes": 5, "why": "x"}, 404),
        ("/api/alerts/99999999999/silence", {"minutes": 5, "why": "x"}, 422),
    ],
)
def test_what_makes_no_sense_is_refused(watched: Watched, path: str, order: dict[str, object], status: int) -> None:
    answer = watched.http.post(path, json=order)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"what", "where", "fix", "cause"}


def test_a_silence_nobody_knows_cannot_be_ended(watched: Watched) -> None:
    assert watched.http.delete("/api/silences/99999").status_code == 404


def test_the_server_does_not_start_with_a_misspelled_file(tmp_path: Path) -> None:
    (tmp_path / "alerts.toml").write_text("[offline]\nafter = 5\n")
    file = tmp_path / "alerts.toml"
    for command in (("alerts", "check", file), ("serve", "--fleet", "x", "--alerts", file)):
        done = edgeferry("fleet", *command, check=False, cwd=tmp_path)
        assert done.returncode == 2
        assert "Write 'after_s'." in done.stderr
        assert "Traceback" not in done.stderr
    (tmp_path / "good.toml").write_text("[offline]\nafter_s = 5\n")
    assert "after_s = 5.0" in edgeferry("fleet", "alerts", "check", tmp_path / "good.toml").stdout
