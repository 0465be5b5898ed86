"""What several rooms' tests share: the broker, the shared data, one small trained run and its bundles."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import MOSQUITTO, Broker
from tests.softhsm import softhsm

__all__ = ["softhsm"]

UNLISTED_SKIPS: list[str] = []
ROOT = Path(__file__).resolve().parent.parent


def edgeferry(*arguments: str | Path, check: bool = True, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command line as a person calls it, in a process of its own."""
    command = [sys.executable, "-m", "edgeferry", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=environment)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember in CI each skip whose reason `skipped_in_ci.txt` does not know."""
    if report.skipped and os.environ.get("CI"):
        lines = (Path(__file__).parent / "skipped_in_ci.txt").read_text().splitlines()
        allowed = [line.split("  ")[0] for line in lines if line and not line.startswith("#")]
        if not any(known in str(report.longrepr) for known in allowed):
            UNLISTED_SKIPS.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A skip nobody listed fails the run."""
    if UNLISTED_SKIPS:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name those skips."""
    for name in UNLISTED_SKIPS:
        terminalreporter.write_line(f"skipped in CI, and tests/skipped_in_ci.txt does not say why: {name}", red=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real models, pictures and damaged files beside the checkout; skipped by name where they are absent."""
    folder = Path(os.environ.get("EDGEFERRY_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "expected.json").is_file():
        pytest.skip(f"shared data absent: {folder}")
    return folder


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A running mosquitto."""
    if not shutil.which(MOSQUITTO):
        pytest.skip("mosquitto is not installed")
    running = Broker(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run trained on the scikit-learn digits, once for the whole session."""
    run = tmp_path_factory.mktemp("run") / "digits"
    edgeferry("train", "digits", "--task", "classify", "--out", run, "--epochs", "6", "--seed", "7")
    return run


@pytest.fixture(scope="session")
def digits_bundles(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """That run as bundles signed with the development key, by profile."""
    out = tmp_path_factory.mktemp("bundles")
    edgeferry("convert", digits_run, "--for", "rpi4,coral-usb,jetson-orin-jp6", "--out", out)
    return {profile: out / f"digits-1-{profile}.bundle" for profile in ("rpi4", "coral-usb", "jetson-orin-jp6")}
