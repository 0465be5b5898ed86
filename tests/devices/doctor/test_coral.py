"""An Edge TPU that is attached, missing, shut, or without its library."""

from __future__ import annotations

import shutil
import subprocess
from ctypes.util import find_library
from pathlib import Path

import pytest

from devices.doctor.coral import COMPILED, coral_findings
from devices.doctor.finding import Finding
from edge.backends.interpreter import EDGE_TPU_OPERATOR
from tests.conftest import ROOT
from tests.devices.doctor.planted import BOARDS, case_of, configured

FAKE = ROOT / "tests/edge/backends/fake_edgetpu.c"


def found(board: Path | str) -> dict[str, Finding]:
    return {finding.check: finding for finding in coral_findings(case_of(board), deadline_s=120)}


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """A Pi 4 with a Coral stick and its device file."""
    board = tmp_path / "board"
    shutil.copytree(BOARDS / "rpi4-coral-usb", board)
    (board / "sys/bus/usb/devices/2-1/busnum").write_text("2\n")
    (board / "sys/bus/usb/devices/2-1/devnum").write_text("3\n")
    (board / "dev/bus/usb/002").mkdir(parents=True)
    (board / "dev/bus/usb/002/003").touch()
    return board


def test_the_operator_that_marks_a_compiled_model_is_the_runtimes() -> None:
    assert EDGE_TPU_OPERATOR.encode() == COMPILED


@pytest.mark.skipif(find_library("edgetpu") is not None, reason="libedgetpu is installed")
def test_a_stick_without_its_library_is_bad_and_says_where_to_get_it(stick: Path) -> None:
    findings = found(stick)
    assert findings["edge tpu"].status == "ok"
    assert "/dev/bus/usb/002/003 may be opened" in findings["edge tpu"].what
    assert findings["libedgetpu"].status == "bad"
    assert "libedgetpu.so.1: cannot open shared object file" in findings["libedgetpu"].what
    assert "feranick/libedgetpu" in findings["libedgetpu"].fix


@pytest.mark.parametrize(
    ("mode", "status", "words"), [("WORKS", "ok", "loads libedgetpu.so.1"), ("CRASHES", "bad", "it crashed (SIGSEGV)")]
)
def test_the_library_is_loaded_where_it_can_do_no_harm(
    stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, status: str, words: str
) -> None:
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    library = tmp_path / "libedgetpu.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-w", f"-DMODE={mode}", "-o", library, FAKE], check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    finding = found(stick)["libedgetpu"]
    assert finding.status == status
    assert words in finding.what


def test_a_stick_whose_file_is_not_there_was_not_passed_through(stick: Path) -> None:
    (stick / "dev/bus/usb/002/003").unlink()
    finding = found(stick)["edge tpu"]
    assert (finding.status, finding.fix) == ("bad", "Pass the device through.")


def test_a_dev_boards_edge_tpu_is_found_at_its_own_file() -> None:
    assert "/dev/apex_0 may be opened" in found("coral-dev-board")["edge tpu"].what


def test_without_an_edge_tpu_nothing_is_said_unless_one_is_wanted(tmp_path: Path) -> None:
    assert found("rpi4") == {}
    (finding,) = coral_findings(configured(tmp_path, profile="coral-usb"), deadline_s=120)
    assert finding.status == "warn"
    assert "models run on the CPU meanwhile" in finding.what


def test_a_compiled_model_in_a_slot_without_its_stick_cannot_run(tmp_path: Path) -> None:
    slot = tmp_path / "state/slots" / ("0" * 64)
    slot.mkdir(parents=True)
    (slot / "model.tflite").write_bytes(b"TFL3 plain")
    assert list(coral_findings(configured(tmp_path), deadline_s=120)) == []
    (slot / "model.tflite").write_bytes(b"TFL3 " + COMPILED)
    (finding,) = coral_findings(configured(tmp_path), deadline_s=120)
    assert (finding.check, finding.status) == ("slots", "bad")
    assert str(slot / "model.tflite") in finding.what
