"""The agent as systemd starts it: a process of its own, a real broker, a real camera's worth of frames."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from contract.codec import to_json
from contract.digest import digest_of
from contract.dsse import ASSIGNMENT_TYPE, sign
from contract.errors import BackendError
from contract.messages import Assignment, Command, Limits, Reply, Telemetry, Verb
from contract.moments import rfc3339
from devices.keys import Signer, load_signer, make_key
from edge import first_report
from edge.crashes import MOST_REPLACEMENTS
from edge.slots import Slots
from tests.broker import Broker
from tests.conftest import edgeferry
from tests.edge.collector import Collector
from tests.edge.file_server import FileServer
from tests.edge.tiny_bundle import PROFILE, install, write_bundle

PATIENCE_S = 40.0
CAMERA = "synthetic:?size=32x24&fps=50"


class Station:
    """A folder as provisioning leaves it: keys, a first bundle, device.toml."""

    def __init__(self, folder: Path, broker_url: str) -> None:
        self.folder, self._broker_url = folder, broker_url
        self._started: list[subprocess.Popen[str]] = []
        for name in ("publisher", "fleet", "stranger"):
            make_key(folder / f"{name}.key")
        self.bundle = write_bundle(folder, 1, signer=self.key("publisher"))
        self.config = folder / "device.toml"
        self.write_config()

    def key(self, name: str) -> Signer:
        return load_signer(self.folder / f"{name}.key")

    def write_config(self, *, first_line: str = "", bundle: str | None = None, source: str = CAMERA) -> None:
        self.config.write_text(
            f"""{first_line}
fleet = "test"
device = "cam-1"
profile = "{PROFILE}"
state_dir = "state"
bundle = "{bundle or self.bundle.name}"
site = "hall"

[broker]
url = "{self._broker_url}"

[trust]
publishers = ["publisher.key.pub"]
fleet = ["fleet.key.pub"]

[camera]
source = "{source}"
name = "door"

[telemetry]
every_s = 0.2
"""
        )

    def start(self, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "edgeferry", "agent", "--config", str(self.config)]
        agent = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={"PATH": "/usr/bin", **environment})
        self._started.append(agent)
        return agent

    def close(self) -> None:
        """End what a failed test has left."""
        for agent in self._started:
            if agent.poll() is None:
                agent.kill()
                agent.communicate()


@pytest.fixture
def station(tmp_path: Path, broker: Broker) -> Iterator[Station]:
    made = Station(tmp_path, broker.url)
    yield made
    made.close()


@pytest.fixture
def collector(broker: Broker) -> Iterator[Collector]:
    with Collector(broker.port) as listening:
        yield listening


def ended(agent: subprocess.Popen[str]) -> str:
    """Ask the agent to stop; what it said on standard error."""
    agent.send_signal(signal.SIGTERM)
    _, said = agent.communicate(timeout=PATIENCE_S)
    assert agent.returncode == 0, said
    return said


def readings(collector: Collector) -> list[Telemetry]:
    return [reading for _, batch in collector.batches for reading in batch.telemetry]


def boots(collector: Collector) -> set[str]:
    """Of the agents that have reported."""
    return {batch.boot for _, batch in collector.batches}


def test_an_agent_introduces_itself_reports_and_leaves_politely(station: Station, collector: Collector) -> None:
    agent = station.start()
    collector.wait_until(lambda: len(readings(collector)) >= 2, PATIENCE_S)
    said = ended(agent)
    collector.wait_until(lambda: not collector.presence[-1].online)
    birth, reading = collector.births[0], readings(collector)[1]
    assert (birth.model, birth.site, birth.profile) == ("tiny@1", "hall", PROFILE)
    assert birth.holds == (birth.digest,)
    assert reading.classes.keys() == {"cat"}
    assert reading.ledger.captured == reading.ledger.inferred + sum(reading.ledger.dropped.values())
    assert "connected" in said
    kept = collector.stored(birth.boot)
    assert kept == list(range(1, len(kept) + 1))
    events = [event for _, batch in collector.batches for event in batch.events]
    assert [event.result.source for event in events] == ["door"]


def test_it_shows_the_pictures_it_keeps_where_its_owner_shares_them(station: Station, collector: Collector) -> None:
    write_bundle(station.folder, 1, confidence=0.36, signer=station.key("publisher"))
    scene = '[keep]\non = ["appeared"]\nclips = false\nunsure_per_hour = 3600\n'
    (station.folder / "scene.toml").write_text(scene)
    told = station.config.read_text().replace('name = "door"', 'name = "door"\nscene = "scene.toml"')
    station.config.write_text(told + "\n[pictures]\nshare = true\n")
    agent = station.start()
    collector.wait_until(lambda: len(readings(collector)) >= 3, PATIENCE_S)

    def asked(verb: Verb, name: str = "") -> Reply:
        collector.publish("cam-1", "command", to_json(Command(id=f"{verb}{name}", verb=verb, name=name)))
        collector.wait_until(lambda: any(reply.id == f"{verb}{name}" for reply in collector.replies), PATIENCE_S)
        return next(reply for reply in collector.replies if reply.id == f"{verb}{name}")

    picture = asked("list-kept").pictures[0]
    assert "_door_unsure_" in picture.name
    jpeg = asked("read-kept", picture.name)
    assert len(jpeg.data) == jpeg.size_bytes == picture.size_bytes
    assert cv2.imdecode(np.frombuffer(jpeg.data, np.uint8), cv2.IMREAD_COLOR).shape == (24, 32, 3)
    about = json.loads(asked("read-kept", picture.name.replace(".jpg", ".json")).data)
    assert (about["model"], about["source"]) == ("tiny@1", "door")
    ended(agent)


def test_the_agent_itself_is_light() -> None:
    """A library imported here would stay in a device's memory for good; `scripts/bench updates_small` weighs it."""
    heavy = {"numpy", "cv2", "onnxruntime", "ai_edge_litert", "tuf", "zstandard", "asyncio", "importlib.metadata"}
    program = f"import sys, edge.agent, edge.link; sys.exit(', '.join({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_an_assignment_is_carried_out_and_reported(station: Station, collector: Collector, tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    bundle = write_bundle(served, 2, signer=station.key("publisher")).read_bytes()
    with FileServer(served) as server:
        assignment = Assignment(
            fleet="test",
            device="cam-1",
            counter=1,
            digest=digest_of(bundle),
            name="tiny",
            version=2,
            size_bytes=len(bundle),
            url=f"{server.url}/tiny-2-{PROFILE}.bundle",
            deadline=rfc3339(time.time() + 60.0),
            limits=Limits(health_frames=5, min_mean_confidence=0.5),
        )
        key = station.key("fleet")
        envelope = sign(ASSIGNMENT_TYPE, to_json(assignment), key.keyid, key.sign, detached=False)
        collector.publish("cam-1", "desired", to_json(envelope))
        agent = station.start()
        collector.wait_until(lambda: any(r.state == "committed" for r in collector.reported()), PATIENCE_S)
        collector.wait_until(lambda: collector.births[-1].model == "tiny@2")
        ended(agent)
    last = collector.reported()[-1]
    assert (last.state, last.running, last.running_digest) == ("committed", "tiny@2", assignment.digest)
    assert [r.state for r in collector.reported()][:2] == ["downloading", "verifying"]


def test_an_agent_without_a_broker_works_and_delivers_later(
    station: Station, broker: Broker, collector: Collector
) -> None:
    broker.stop()
    agent = station.start()
    journal = station.folder / "state" / "outbox.db-wal"
    until = time.monotonic() + PATIENCE_S
    # The tables alone take up 45 KB.
    while not (journal.exists() and journal.stat().st_size > 100_000):
        assert time.monotonic() < until
        time.sleep(0.05)
    agent.kill()
    agent.communicate()
    broker.start()
    later = station.start()
    collector.wait_until(lambda: len(boots(collector)) == 2, PATIENCE_S)
    ended(later)
    first = collector.batches[0][1].boot
    assert collector.stored(first) == list(range(1, len(collector.stored(first)) + 1))


def test_systemd_is_told_about_readiness_and_real_progress(station: Station, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        agent = station.start(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="300000")
        said = [systemd.recv(1000).decode() for _ in range(4)]
        ended(agent)
    assert said == ["READY=1\nSTATUS=serving tiny@1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]


def workers(agent: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that run the inference."""
    children = psutil.Process(agent.pid).children(recursive=True)
    return [child for child in children if "edge.worker" in child.cmdline()]


def kill_workers(agent: subprocess.Popen[str], times: int = MOST_REPLACEMENTS + 1) -> None:
    """One after the other, as soon as each is there: by default as often as makes a crash loop."""
    killed: set[int] = set()
    until = time.monotonic() + PATIENCE_S
    while len(killed) < times:
        assert time.monotonic() < until
        for worker in workers(agent):
            if worker.pid not in killed:
                killed.add(worker.pid)
                worker.kill()
        time.sleep(0.05)


def test_an_inference_that_dies_is_replaced_and_the_restart_told(station: Station, collector: Collector) -> None:
    agent = station.start()
    collector.wait_until(lambda: len(readings(collector)) >= 1, PATIENCE_S)
    (worker,) = workers(agent)
    worker.send_signal(signal.SIGSEGV)
    collector.wait_until(lambda: readings(collector)[-1].restarts == {"SIGSEGV": 1}, PATIENCE_S)
    answered = readings(collector)[-1].ledger.inferred
    collector.wait_until(lambda: readings(collector)[-1].ledger.inferred > answered, PATIENCE_S)
    assert workers(agent)[0].pid != worker.pid
    ended(agent)


def test_a_model_that_dies_again_and_again_gives_way_to_the_one_before(station: Station, collector: Collector) -> None:
    slots = Slots(station.folder / "state")
    for version in (1, 2):
        slots.activate(install(slots, write_bundle(station.folder, version)).digest, provisional=False)
    agent = station.start()
    collector.wait_until(lambda: any(reading.model == "tiny@2" for reading in readings(collector)), PATIENCE_S)
    kill_workers(agent)
    collector.wait_until(lambda: any(reading.model == "tiny@1" for reading in readings(collector)), PATIENCE_S)
    assert "tiny@2: going back: its processes died again and again" in ended(agent)
    assert Slots(station.folder / "state").current == slots.fallback


def test_the_only_model_dying_again_and_again_ends_the_agent_in_words(station: Station, collector: Collector) -> None:
    agent = station.start()
    collector.wait_until(lambda: len(readings(collector)) >= 1, PATIENCE_S)
    kill_workers(agent)
    _, said = agent.communicate(timeout=PATIENCE_S)
    assert agent.returncode == BackendError.exit_code
    assert "the model crashes again and again, and there is no other" in said
    assert "Traceback" not in said


def test_several_cameras_report_as_one_device_one_of_them_being_away(station: Station, collector: Collector) -> None:
    text = station.config.read_text()
    cameras = f'[[camera]]\nsource = "{CAMERA}"\nname = "door"\n[[camera]]\nsource = "/dev/video99"\nname = "yard"\n'
    station.config.write_text(text.replace(f'[camera]\nsource = "{CAMERA}"\nname = "door"\n', cameras))
    agent = station.start()
    collector.wait_until(lambda: any(reading.outages == {"yard": 1} for reading in readings(collector)), PATIENCE_S)
    assert readings(collector)[-1].ledger.inferred > 0
    ended(agent)


def at_device(station: Station, *words: str | Path) -> dict[str, Any]:
    """What an `edgeferry agent` command for somebody in front of the device prints."""
    done = edgeferry("agent", "--config", station.config, *words, "--json", check=False)
    assert "Traceback" not in done.stderr
    return {"exit": done.returncode, **json.loads(done.stdout)}


def wait_for_report(station: Station) -> None:
    """Until the first model is installed, serves and has reported."""
    until = time.monotonic() + PATIENCE_S
    while not (station.folder / "state" / first_report.FILE).exists():
        assert time.monotonic() < until
        time.sleep(0.05)


def ran_once(station: Station) -> None:
    agent = station.start()
    wait_for_report(station)
    ended(agent)


def test_a_bundle_on_a_stick_is_installed_and_taken_back_without_a_network(station: Station, broker: Broker) -> None:
    broker.stop()
    stick = station.folder / "stick"
    stick.mkdir()
    write_bundle(stick, 2, signer=station.key("publisher"))
    write_bundle(stick, 2, signer=station.key("publisher"), profile="rpi4")
    agent = station.start()
    wait_for_report(station)
    installed = at_device(station, "install", stick)
    assert (installed["exit"], installed["state"]) == (0, "committed")
    state = at_device(station, "status")
    assert (state["current"]["release"], state["fallback"]["release"]) == ("tiny@2", "tiny@1")
    assert state["last_update"]["state"] == "committed"
    taken_back = at_device(station, "roll-back")
    assert (taken_back["exit"], taken_back["state"]) == (0, "rolled-back")
    assert at_device(station, "status")["current"]["release"] == "tiny@1"
    assert at_device(station, "status")["last_update"]["cause"] == "operator"
    ended(agent)
    assert not list((station.folder / "state" / "inbox").iterdir())


def test_a_file_by_a_stranger_is_refused_at_the_device_too(station: Station, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    agent = station.start()
    wait_for_report(station)
    refused = at_device(station, "install", write_bundle(foreign, 2, signer=station.key("stranger")))
    ended(agent)
    assert (refused["exit"], refused["state"], refused["cause"]) == (10, "refused", "signature")


def test_an_order_without_an_agent_waits_for_its_start(station: Station, collector: Collector) -> None:
    ran_once(station)
    bundle = write_bundle(station.folder, 2, signer=station.key("publisher"))
    assert at_device(station, "install", bundle, "--wait", "1")["state"] == "idle"
    again = edgeferry("agent", "install", bundle, "--config", station.config, check=False)
    assert again.returncode == 10
    assert "another order has not been carried out yet" in again.stderr
    agent = station.start()
    collector.wait_until(lambda: any(birth.model == "tiny@2" for birth in collector.births), PATIENCE_S)
    ended(agent)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, with 24 MiB: slots leave 16 free."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("may not mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_device_with_a_full_disk_serves_and_reports(station: Station, collector: Collector, small_disk: Path) -> None:
    station.config.write_text(station.config.read_text().replace('"state"', f'"{small_disk}"'))
    agent = station.start()
    collector.wait_until(lambda: len(readings(collector)) >= 1, PATIENCE_S)
    ended(agent)
    subprocess.run(["dd", "if=/dev/zero", f"of={small_disk / 'fill'}"], capture_output=True, check=False)
    before = boots(collector)
    again = station.start()
    collector.wait_until(lambda: boots(collector) > before, PATIENCE_S)
    assert "messages are kept in memory alone" in ended(again)
    assert readings(collector)[-1].model == "tiny@1"


def test_words_at_a_device_that_never_ran(station: Station) -> None:
    done = edgeferry("agent", "status", "--config", station.config, check=False)
    assert done.returncode == 2
    assert "the agent has never run here" in done.stderr
    assert "Name the device's configuration" in edgeferry("agent", "status", check=False).stderr


def test_going_back_where_nothing_was_before_is_said(station: Station) -> None:
    ran_once(station)
    done = edgeferry("agent", "roll-back", "--config", station.config, check=False)
    assert done.returncode == 2
    assert "there is no earlier model on this device" in done.stderr
    assert "tiny@1" in edgeferry("agent", "status", "--config", station.config).stdout


def test_a_first_bundle_by_a_stranger_is_refused(station: Station) -> None:
    station.bundle = write_bundle(station.folder, 1, signer=station.key("stranger"))
    done = edgeferry("agent", "--config", station.config, check=False)
    assert done.returncode == 6
    assert "whom nobody here trusts" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((station.folder / "state" / "slots").iterdir())


@pytest.mark.parametrize(
    ("change", "code", "sentence"),
    [
        ({"first_line": "colour = 3"}, 2, "colour"),
        ({"bundle": "absent.bundle"}, 6, "cannot be read"),
        ({"source": "/dev/video99"}, 7, "video99"),
    ],
)
def test_a_station_that_is_not_in_order_says_so(
    station: Station, change: dict[str, str], code: int, sentence: str
) -> None:
    station.write_config(**change)
    done = edgeferry("agent", "--config", station.config, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert sentence in done.stderr


def test_a_current_bundle_that_is_spoilt_gives_way_to_the_one_before(station: Station, collector: Collector) -> None:
    slots = Slots(station.folder / "state")
    for version in (1, 2):
        slot = install(slots, write_bundle(station.folder, version))
        slots.activate(slot.digest, provisional=False)
    slot.model.write_bytes(slot.model.read_bytes()[::-1])
    agent = station.start()
    collector.wait_until(lambda: any(reading.model == "tiny@1" for reading in readings(collector)), PATIENCE_S)
    assert "the current bundle cannot serve, going back" in ended(agent)
    assert Slots(station.folder / "state").current == slots.fallback


def test_slots_that_are_all_spoilt_are_filled_anew_from_the_first_bundle(
    station: Station, collector: Collector
) -> None:
    ran_once(station)
    slots = Slots(station.folder / "state")
    slot = slots.slot(slots.proven or "")
    slot.model.write_bytes(slot.model.read_bytes()[::-1])
    before = boots(collector)
    agent = station.start()
    collector.wait_until(lambda: boots(collector) > before, PATIENCE_S)
    ended(agent)
    assert slots.slot(slot.digest).member(slot.manifest.model)


def test_an_absent_configuration_is_one_sentence(tmp_path: Path) -> None:
    done = edgeferry("agent", "--config", tmp_path / "device.toml", check=False)
    assert done.returncode == 2
    assert "cannot be read" in done.stderr
