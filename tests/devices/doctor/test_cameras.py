"""Cameras that are there, may be opened, or are missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from devices.doctor.cameras import camera_findings
from devices.doctor.finding import Finding
from tests.devices.doctor.planted import BOARDS, case_of, configured


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A Pi 4 with two cameras."""
    shutil.copytree(BOARDS / "rpi4", tmp_path / "board")
    (tmp_path / "board/dev").mkdir()
    for number in (0, 2):
        (tmp_path / f"board/dev/video{number}").touch()
    return tmp_path / "board"


def found(board: Path | str, source: str, folder: Path) -> Finding:
    (finding,) = camera_findings(configured(folder, board, source=source))
    return finding


def test_without_a_configuration_what_is_attached_is_told(board: Path) -> None:
    (finding,) = camera_findings(case_of(board))
    assert (finding.status, finding.what) == ("ok", "/dev/video0 may be opened, and 1 more")


def test_no_camera_at_all_is_a_doubt() -> None:
    (finding,) = camera_findings(case_of("rpi4"))
    assert finding.status == "warn"
    assert "pipe:rpicam-vid" in finding.what


@pytest.mark.parametrize("source", ["/dev/video2", "2"])
def test_a_configured_camera_that_is_there_is_well(board: Path, tmp_path: Path, source: str) -> None:
    finding = found(board, source, tmp_path)
    assert (finding.check, finding.status) == ("camera camera", "ok")


def test_a_configured_camera_that_is_not_there_names_those_that_are(board: Path, tmp_path: Path) -> None:
    finding = found(board, "/dev/video1", tmp_path)
    assert finding.status == "bad"
    assert "attached is /dev/video0, /dev/video2" in finding.what


@pytest.mark.parametrize(
    ("source", "status", "words"),
    [
        ("rtsp://10.0.0.7/stream", "ok", "not attached here"),
        ("synthetic:digits", "ok", "not attached here"),
        ("pipe:sh -c 'cat frames'", "ok", "sh is installed"),
        ("pipe:rpicam-vid-that-is-not-here -t 0", "bad", "is not installed"),
        ("pipe:sh 'unclosed", "bad", "cannot be read"),
        ("pictures", "bad", "there is no"),
        (".", "ok", "is there"),
    ],
)
def test_other_sources_are_looked_at_as_far_as_can_be(tmp_path: Path, source: str, status: str, words: str) -> None:
    finding = found("rpi4", source, tmp_path)
    assert finding.status == status
    assert words in finding.what
