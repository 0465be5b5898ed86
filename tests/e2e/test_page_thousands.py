"""The overview of 5,000 devices in a real browser: one page of the list, and then changed cells alone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from fleet.store import Store
from tests.broker import MOSQUITTO, Broker
from tests.e2e.conftest import keep_picture
from tests.e2e.thousands import fill, speak
from tests.e2e.yard import Watched
from tests.fleet.server_process import ServerProcess

COUNT = 5000


@pytest.fixture(scope="module")
def thousands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, Store]]:
    if not shutil.which(MOSQUITTO):
        pytest.skip("mosquitto is not installed")
    folder: Path = tmp_path_factory.mktemp("thousands")
    broker = Broker(folder)
    broker.start()
    store = fill(folder, COUNT)
    server = ServerProcess(folder, broker.url)
    yield server, store
    assert server.stop() == 0
    store.close()
    broker.stop()
    assert "Traceback" not in server.words.read_text()


def test_a_list_of_thousands_is_searched_sorted_filtered_and_turned_on_the_server(
    browser: Browser, thousands: tuple[ServerProcess, Store]
) -> None:
    server, _ = thousands
    watched = Watched(browser, server.url)
    page, rows = watched.page, watched.page.locator("[data-testid=devices] tbody tr")
    page.goto(server.url)
    expect(page.get_by_test_id("card-devices")).to_have_text("4,900 / 5,000")
    expect(rows).to_have_count(50)
    expect(page.get_by_test_id("found")).to_have_text("1 to 50 of 5,000")
    keep_picture(page, "thousands.png")
    page.get_by_test_id("on").click()
    expect(rows.first).to_have_attribute("data-testid", "device-cam-00050")
    page.get_by_test_id("search").fill("site-07 rpi5")
    expect(page.get_by_test_id("found")).to_have_text("0")
    page.get_by_test_id("search").fill("4321")
    expect(rows).to_have_count(1)
    page.get_by_test_id("clear").click()
    page.get_by_test_id("by-status").select_option("offline")
    expect(page.get_by_test_id("found")).to_have_text("1 to 50 of 100")
    page.get_by_role("button", name="Sort by Device").click()
    expect(rows.first).to_have_attribute("data-testid", "device-cam-04950")
    page.goto(f"{server.url}/?site=site-07&profile=jetson-orin-jp6")
    expect(page.get_by_test_id("found")).to_have_text("1 to 50 of 125")
    watched.close()


def test_only_what_changes_in_sight_is_sent(browser: Browser, thousands: tuple[ServerProcess, Store]) -> None:
    server, store = thousands
    watched, sizes = Watched(browser, server.url), list[int]()
    page = watched.page
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: sizes.append(len(frame))))
    page.goto(server.url)
    expect(page.get_by_test_id("found")).to_have_text("1 to 50 of 5,000")
    page.wait_for_timeout(2500)
    sent = len(sizes)
    for second in range(4):
        speak(store, range(2000, 3000), second)
        page.wait_for_timeout(1000)
    unseen = sum(sizes[sent:])
    sent, before = len(sizes), page.get_by_test_id("device-cam-00001").inner_text()
    speak(store, range(50), int(time.time()))
    expect(page.get_by_test_id("device-cam-00001")).not_to_have_text(before)
    page.wait_for_timeout(300)
    assert unseen < 8_000, "a thousand readings a second out of sight cost next to nothing"
    assert sum(sizes[sent:]) < 25_000, "fifty rows that all change"
    watched.close()
