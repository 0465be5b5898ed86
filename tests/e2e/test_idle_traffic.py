"""`scripts/bench updates_idle_traffic --short`: an idle month is small, whoever counts."""

from __future__ import annotations

import shutil

import pytest

from scripts.benchmarks.updates_idle_traffic import figures
from tests.broker import MOSQUITTO


@pytest.mark.skipif(not shutil.which(MOSQUITTO), reason="mosquitto is not installed")
def test_an_idle_month_stays_below_a_megabyte() -> None:
    found = figures(short=True)
    judged = {name: figure.holds for name, figure in found.items() if figure.goal}
    assert judged == {"idle_month_mqtt": True, "idle_month_tcp_ip": True, "idle_month_tls": True}
    assert found["every_window_sent"].value > 100
