"""The secured broker, once a module: each test brings devices of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.broker import MOSQUITTO
from tests.fleet.identity.secured import SecuredBroker


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    """A running one."""
    if not shutil.which(MOSQUITTO):
        pytest.skip("mosquitto is not installed")
    running = SecuredBroker(tmp_path_factory.mktemp("secured"))
    yield running
    running.stop()
