"""What Prometheus gets, and whether the shipped rules and dashboard ask for what is there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from contract.codec import to_json
from contract.drift import Drift
from contract.messages import FrameLedger
from fleet import readings, tables
from fleet.answers import Health
from fleet.durations import Durations
from fleet.ecosystem import aggregates
from fleet.metrics import exposition
from fleet.store import Store
from tests.conftest import edgeferry
from tests.fleet.alerts.test_watchman import START_S, World

SHIPPED = Path(aggregates.__file__).parent
HEALTH = Health(
    ok=True,
    fleet="barn",
    broker="mqtt://x",
    broker_connected=True,
    waiting=3,
    let_go=0,
    metadata_expires_s={"root": 1.8e9},
)
LAMP = Drift(frames=50, false_alarms=0.01, input_changed=False, model_suffering=True, features={})


def scraped(store: Store, commits: Durations | None = None) -> str:
    with store.reading() as connection:
        found = aggregates.read(connection)
        body, media_type = exposition(readings.statistics(connection), HEALTH, found, commits or Durations())
    assert media_type.startswith("text/plain; version=0.0.4")
    return body.decode()


@pytest.fixture
def filled(either_store: Store) -> Store:
    """Three devices of two profiles, one offline and one with an alert; a rollout; frames that were counted."""
    world = World(either_store)
    world.add(["cam-1", "cam-2", "cam-3"])
    ledger = FrameLedger(captured=100, inferred=80, gated=5, damaged=1, dropped={"stale": 14})
    world.read("cam-1", 1, ledger=ledger, drift={"gate": LAMP})
    world.read("cam-2", 1, ledger=ledger, temperature_c=86.0, throttled=True)
    world.change(["cam-3"], online=False)
    rollout = {"name": "digits", "version": 2, "phases": "[]", "limits": "{}", "deadline_s": 60, "detail": ""}
    with either_store.writing() as connection:
        connection.execute(tables.ROLLOUTS.insert().values(id=1, state="running", created_s=START_S, **rollout))
        target = {"rollout": 1, "detail": "", "updated_s": START_S}
        rows = [target | {"device": f"cam-{n}", "state": "committed" if n == 1 else "waiting"} for n in (1, 2, 3)]
        connection.execute(tables.ASSIGNMENTS.insert(), rows)
    world.pass_(70)
    return either_store


def test_every_number_is_the_stores(filled: Store) -> None:
    commits = Durations()
    for seconds in (0.0005, 0.02, 0.02, 99.0):
        commits.add(seconds)
    lines = set(scraped(filled, commits).splitlines())
    model = 'model="digits@1",profile="rpi4"'
    assert lines >= {
        'edgeferry_devices{model="digits@1",presence="online",profile="rpi4"} 2.0',
        'edgeferry_devices{model="digits@1",presence="offline",profile="rpi4"} 1.0',
        'edgeferry_frames_total{outcome="inferred"} 160.0',
        'edgeferry_frames_total{outcome="dropped"} 28.0',
        'edgeferry_frames_dropped_total{cause="stale"} 28.0',
        f'edgeferry_device_latency_p95_seconds_bucket{{le="0.005",{model}}} 0.0',
        f'edgeferry_device_latency_p95_seconds_bucket{{le="0.01",{model}}} 2.0',
        'edgeferry_device_temperature_celsius_bucket{le="85.0",profile="rpi4"} 1.0',
        'edgeferry_device_temperature_celsius_bucket{le="+Inf",profile="rpi4"} 2.0',
        'edgeferry_devices_held_back{reason="throttled"} 1.0',
        'edgeferry_drift_lamps_lit{lamp="model_suffering"} 1.0',
        'edgeferry_rollouts{state="running"} 1.0',
        'edgeferry_rollouts{state="halted"} 0.0',
        'edgeferry_rollout_devices{release="digits@2",rollout="1",state="waiting"} 2.0',
        'edgeferry_alerts_open{kind="offline",severity="critical"} 1.0',
        'edgeferry_alerts_open{kind="heat",severity="warning"} 0.0',
        "edgeferry_notifications_waiting 1.0",
        "edgeferry_messages_waiting 3.0",
        'edgeferry_store_commit_duration_seconds_bucket{le="0.001"} 1.0',
        'edgeferry_store_commit_duration_seconds_bucket{le="0.025"} 3.0',
        "edgeferry_store_commit_duration_seconds_count 4.0",
    }


def families(text: str) -> list[Metric]:
    return list(text_string_to_metric_families(text))


UNITS = ("seconds", "celsius", "bytes", "ratio")


def test_names_follow_prometheus_conventions_and_name_no_device(filled: Store) -> None:
    text = scraped(filled)
    assert "cam-" not in text
    for family in families(text):
        name = family.name
        assert re.fullmatch(r"edgeferry_[a-z0-9_]+", name), name
        assert family.documentation.endswith("."), name
        assert not re.search(r"_(milliseconds|ms|minutes|hours|mib|percent)(_|$)", name), name
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter"), sample.name
            assert not set(sample.labels) & {"device", "boot", "site"}, sample
        if family.type == "histogram":
            assert name.endswith(UNITS), name


def test_labels_that_devices_make_up_are_few(store: Store) -> None:
    rows = [
        {
            "device": f"d{n}",
            "online": True,
            "model": f"m{n}@1",
            "birth": to_json({"profile": f"p{n}"}).decode(),
            "first_seen_s": 0,
        }
        for n in range(200)
    ]
    with store.writing() as connection:
        connection.execute(tables.DEVICES.insert(), rows)
    (devices,) = (family for family in families(scraped(store)) if family.name == "edgeferry_devices")
    assert len(devices.samples) == 51
    assert sum(sample.value for sample in devices.samples) == 200


def exposed(store: Store) -> set[str]:
    return {sample.name for family in families(scraped(store)) for sample in family.samples}


def asked(text: str) -> set[str]:
    return set(re.findall(r"\bedgeferry_[a-z0-9_]+", text))


def test_rules_and_dashboard_ask_only_for_what_is_there(filled: Store) -> None:
    there = exposed(filled)
    dashboard = json.loads((SHIPPED / "grafana-dashboard.json").read_text())
    asked_there = asked(" ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"]))
    asked_by_rules = asked((SHIPPED / "prometheus-rules.yml").read_text())
    assert len(asked_there) > 12
    assert len(asked_by_rules) > 10
    assert asked_there | asked_by_rules <= there


def test_panels_do_not_overlap_and_have_their_own_number() -> None:
    panels = json.loads((SHIPPED / "grafana-dashboard.json").read_text())["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_promtool_finds_no_fault(filled: Store) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    rules = subprocess.run(
        [promtool, "check", "rules", SHIPPED / "prometheus-rules.yml"], capture_output=True, text=True, check=False
    )
    assert rules.returncode == 0, rules.stdout + rules.stderr
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=scraped(filled), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_commands_print_the_files() -> None:
    assert json.loads(edgeferry("fleet", "ecosystem", "grafana").stdout)["uid"] == "edgeferry-fleet"
    assert edgeferry("fleet", "ecosystem", "prometheus-rules").stdout.count("- alert:") == 15


def test_an_empty_store_has_metrics_too(store: Store) -> None:
    assert exposed(store) >= {"edgeferry_devices", "edgeferry_frames_total", "edgeferry_frames_dropped_total"}
