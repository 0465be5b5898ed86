"""The record of the first report: once a start, another with each, and never a reason to stop."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edge.durable import Disk
from edge.first_report import FILE, FirstReport, Reporting

DIGEST = "sha256:" + "0" * 64


def test_the_record_is_left_once_a_start_and_differs_from_the_last(tmp_path: Path) -> None:
    first = FirstReport(tmp_path, Disk())
    first.told(boot="a", release="tiny@1", digest=DIGEST)
    first.told(boot="a", release="tiny@2", digest=DIGEST)
    found = msgspec.json.decode((tmp_path / FILE).read_bytes(), type=Reporting)
    assert (found.boot, found.release) == ("a", "tiny@1")
    FirstReport(tmp_path, Disk()).told(boot="b", release="tiny@1", digest=DIGEST)
    assert msgspec.json.decode((tmp_path / FILE).read_bytes(), type=Reporting).boot == "b"


def test_a_disk_that_will_not_take_it_costs_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    FirstReport(tmp_path / "missing", Disk()).told(boot="a", release="tiny@1", digest=DIGEST)
    assert "noting the first report failed" in caplog.text
