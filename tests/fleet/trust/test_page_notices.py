"""What the page says about trust, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.broker import Broker
from tests.e2e.conftest import browser
from tests.fleet.parcel import write_bundle
from tests.fleet.server_process import ServerProcess
from tests.fleet.trust.office import Office

__all__ = ["browser"]


@pytest.mark.usefixtures("broker")
def test_the_page_names_what_is_not_signed_and_what_expires(tmp_path: Path, broker: Broker, browser: Browser) -> None:
    office = Office(tmp_path, targets_days=20)
    options = ("--metadata", str(office.folder), "--key", str(office.key("online")))
    server = ServerProcess(tmp_path, broker.url, *options)
    server.client.release(write_bundle(tmp_path, "rpi4"))
    page = browser.new_page()
    page.goto(f"{server.url}/releases")
    expect(page.get_by_test_id("warning")).to_contain_text("the targets metadata expires in 20 days")
    expect(page.get_by_test_id("unvouched")).to_contain_text("until it is signed for rpi4")
    page.close()
    assert server.stop() == 0
