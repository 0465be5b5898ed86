"""The whole examination, as `edgeferry doctor` is called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devices.doctor.examine import examine
from devices.keys import make_key
from tests.broker import Broker
from tests.conftest import ROOT
from tests.devices.doctor import planted
from tests.devices.doctor.planted import BOARDS, plant, settings


def doctor(*arguments: str | Path, planted_in: Path | None = None) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(folder) for folder in (planted_in, ROOT) if folder)
    command = [sys.executable, "-m", "edgeferry", "doctor", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def device(tmp_path: Path, broker: Broker) -> Path:
    """A `device.toml` for this machine, with its key and its broker."""
    make_key(tmp_path / "publisher")
    profile = f"generic-{os.uname().machine}"
    (tmp_path / "device.toml").write_text(settings(profile=profile, broker=f'url = "{broker.url}"'))
    return tmp_path / "device.toml"


def test_a_device_in_good_order_is_ready_and_the_exit_code_says_so(device: Path) -> None:
    done = doctor("--config", device, "--json")
    report = json.loads(done.stdout)
    assert [finding for finding in report["findings"] if finding["status"] == "bad"] == []
    assert (report["ready"], done.returncode, done.stderr) == (True, 0, "")
    checks = [finding["check"] for finding in report["findings"]]
    assert len(set(checks)) == len(checks)
    assert {"device.toml", "profile", "python", "clock", "numpy", "trust.publishers", "broker"} <= set(checks)
    assert report["machine"]["architecture"] == os.uname().machine


def test_what_is_broken_is_told_with_its_remedy_and_everything_else_is_looked_at_all_the_same(
    device: Path, broker: Broker, tmp_path: Path
) -> None:
    broker.stop()
    folder = plant(tmp_path / "site", "onnxruntime", planted.DYING.format("SIGILL"), version="1.21.0")
    plant(folder, "cv2", planted.HANGING, package="opencv-python-headless", version="5.0.0.93")
    done = doctor("--config", device, "--deadline", "6", planted_in=folder)
    assert done.returncode == 1
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert any(line.startswith("bad   onnxruntime") and "(SIGILL)" in line for line in lines)
    assert any(line.startswith("bad   cv2") and "did not answer within 6 s" in line for line in lines)
    assert any(line.startswith("bad   broker") for line in lines)
    assert any(line.startswith("ok    trust.publishers") for line in lines)
    bad = [number for number, line in enumerate(lines) if line.startswith(("bad ", "warn "))]
    assert all("fix: " in lines[number + 1] for number in bad)
    assert lines[-1].startswith("not ready: ")


def test_every_finding_that_is_not_well_has_a_remedy_on_every_board(tmp_path: Path) -> None:
    (tmp_path / "device.toml").write_text("fleet = 1")
    report = examine(tmp_path / "device.toml", root=BOARDS / "unknown-armv7")
    assert not report.ready
    assert report.findings[0].check == "device.toml"
    assert all(bool(finding.fix) == (finding.status != "ok") for finding in report.findings)


def test_the_doctor_imports_no_library_itself() -> None:
    code = "import sys, devices.doctor.examine; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert not {"numpy", "cv2", "onnxruntime", "ai_edge_litert"} & set(done.stdout.split())
