"""A device's whole membership: a code, a certificate, a renewal while connected, and the end, with every part real."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from devices.keys import load_signer, make_key
from fleet.identity import folder
from fleet.identity.mqtt_probe import Probe
from tests.broker import MOSQUITTO
from tests.conftest import ROOT, edgeferry
from tests.edge.tiny_bundle import PROFILE, write_bundle
from tests.fleet.identity.secured import SecuredBroker
from tests.fleet.server_process import ServerProcess, eventually

CAMERA = "synthetic:?size=32x24&fps=20"
PATIENCE_S = 40.0


class Site:
    """Authority, broker and server; keys of a publisher and the fleet; devices as they come."""

    def __init__(self, place: Path) -> None:
        self.place, self.broker = place, SecuredBroker(place)
        for name in ("publisher", "fleet"):
            make_key(place / f"{name}.key")
        self.bundle = write_bundle(place, 1, signer=load_signer(place / "publisher.key"))
        ca = self.broker.ca
        options = {
            "--ca": ca,
            "--broker-ca": ca / "ca.pem",
            "--broker-cert": ca / "fleet-server.pem",
            "--broker-key": ca / "fleet-server.key",
            "--broker-files": self.broker.files,
            "--key": place / "fleet.key",
            "--trust": place / "publisher.key.pub",
            # So short that it is due from the beginning.
            "--certificate-days": 0.02,
        }
        self.server = ServerProcess(place, self.broker.url, *(str(word) for pair in options.items() for word in pair))
        self.agents: list[subprocess.Popen[str]] = []

    def code(self, device: str, **more: Any) -> str:
        answer = self.server.client.claim_codes({"device": device, "profile": PROFILE, **more})
        return str(answer["codes"][0]["code"])

    def start(self, config: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "edgeferry", "agent", "--config", str(config)]
        environment = {"PATH": "/usr/bin", "PYTHONPATH": str(ROOT)}
        log = (self.place / "agent.log").open("ab")
        agent = subprocess.Popen(command, stderr=log, text=True, env=environment)
        log.close()
        self.agents.append(agent)
        return agent

    def device(self, name: str) -> dict[str, Any]:
        found = [one for one in self.server.client.devices()["devices"] if one["id"] == name]
        return found[0] if found else {"online": False, "last_seen": ""}

    def hears_more_of(self, name: str) -> bool:
        before = self.server.get("/api/stats")
        return bool(eventually(lambda: self.server.get("/api/stats") != before, within_s=PATIENCE_S))

    def log(self) -> str:
        return (self.place / "agent.log").read_text()

    def close(self) -> None:
        for agent in self.agents:
            if agent.poll() is None:
                agent.kill()
            agent.wait()
        if self.server.process.poll() is None:
            assert self.server.stop() == 0
        self.broker.stop()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    if not shutil.which(MOSQUITTO):
        pytest.skip("mosquitto is not installed")
    made = Site(tmp_path)
    yield made
    made.close()


def serial_of(identity: Path) -> int:
    pem = identity.read_bytes()
    return x509.load_pem_x509_certificates(pem[pem.index(b"-----BEGIN CERT") :])[0].serial_number


def test_a_device_enrols_works_renews_and_is_revoked(site: Site) -> None:
    state, code = site.place / "state", site.code("cam-1", site="hall", tags={"row": "7"})
    enrol = ("enroll", code, "--server", site.server.url, "--state-dir", state)
    done = edgeferry(*enrol, "--bundle", site.bundle, "--camera", CAMERA, "--json")
    said = json.loads(done.stdout)
    assert (said["fleet"], said["device"], said["broker"]) == ("barn", "cam-1", site.broker.url)
    identity = state / "identity" / "device.pem"
    assert identity.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE KEY" not in (site.place / "server.log").read_bytes()
    first = serial_of(identity)

    site.start(state / "device.toml")
    assert eventually(lambda: site.device("cam-1")["online"], within_s=PATIENCE_S), site.log()
    assert eventually(lambda: serial_of(identity) != first, within_s=PATIENCE_S), site.log()
    assert site.device("cam-1")["online"]
    renewed = serial_of(identity)

    # The renewed certificate is what the next connection uses: the first one is refused from here on.
    folder.write_crl(site.broker.files, site.broker.issuing, [(first, folder.now())])
    site.broker.stop()
    site.broker.start()
    assert site.hears_more_of("cam-1"), site.log()
    assert eventually(lambda: site.device("cam-1")["online"], within_s=PATIENCE_S), site.log()
    assert serial_of(identity) == renewed

    answer = edgeferry("fleet", "identity", "revoke", "cam-1", "--reason", "stolen", "--server", site.server.url)
    assert "2 certificates revoked. The broker knows." in answer.stdout
    listed = site.server.get("/api/identity")
    assert [(one["name"], one["state"], one["reason"]) for one in listed["devices"]] == [("cam-1", "revoked", "stolen")]
    assert eventually(lambda: is_refused(site, identity))
    assert edgeferry(*enrol, check=False).returncode == 2


def is_refused(site: Site, identity: Path) -> bool:
    context = site.broker.context(None)
    context.load_cert_chain(identity)
    try:
        with Probe("localhost", site.broker.port, context, "cam-1"):
            return False
    except OSError:
        return True


def test_a_flashed_device_enrols_itself_and_serves_before_it_can(site: Site) -> None:
    """A claim code in device.toml, and a server that is away at first."""
    place = site.place / "flashed"
    place.mkdir()
    config = place / "device.toml"
    config.write_text(
        f"""fleet = "barn"
device = "cam-2"
profile = "{PROFILE}"
state_dir = "state"
bundle = "{site.bundle}"
[broker]
url = "{site.broker.url}"
[trust]
publishers = ["{site.place / "publisher.key.pub"}"]
fleet = ["{site.place / "fleet.key.pub"}"]
[identity]
server = "{site.server.url}"
claim = "{site.code("cam-2")}"
[camera]
source = "{CAMERA}"
[telemetry]
every_s = 0.5
"""
    )
    site.server.process.send_signal(signal.SIGSTOP)
    site.start(config)
    assert eventually(lambda: (place / "state" / "reporting.json").exists(), within_s=PATIENCE_S), site.log()
    assert not (place / "state" / "identity" / "device.pem").exists()
    site.server.process.send_signal(signal.SIGCONT)
    assert eventually(lambda: site.device("cam-2")["online"], within_s=2 * PATIENCE_S), site.log()


def test_words_of_a_code_that_is_no_good(site: Site, tmp_path: Path) -> None:
    code = site.code("cam-3")
    server, state = ("--server", site.server.url), ("--state-dir", tmp_path / "other")
    slip = code[:-1] + ("0" if code[-1] != "0" else "1")
    mistyped = edgeferry("enroll", slip, *server, *state, check=False)
    assert (mistyped.returncode, "mistyped" in mistyped.stderr) == (2, True)
    assert not (tmp_path / "other" / "device.toml").exists()
    newer = site.code("cam-3")
    old = edgeferry("enroll", code, *server, *state, check=False)
    assert (old.returncode, "a newer one was made" in old.stderr) == (2, True)
    wrong = edgeferry("enroll", newer, *server, *state, "--fingerprint", "sha256:" + "0" * 64, check=False)
    assert (wrong.returncode, "not the one expected" in wrong.stderr) == (6, True)
    assert edgeferry("enroll", newer, *server, *state, "--profile", PROFILE).returncode == 0
    again = edgeferry("enroll", newer, *server, *state, "--profile", PROFILE)
    assert "cam-3 belongs to barn" in again.stdout
    table = edgeferry(
        "fleet", "enroll", "code", "--device", "cam", "--count", "3", "--csv", *server
    ).stdout.splitlines()
    assert table[0] == "device_id,claim,enroll_server,expires"
    assert [line.split(",")[0] for line in table[1:]] == ["cam-001", "cam-002", "cam-003"]
    listed = edgeferry("fleet", "identity", "list", *server).stdout
    assert "unused code for cam-002" in listed
