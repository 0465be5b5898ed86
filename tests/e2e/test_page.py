"""The page in a real browser, against a whole server, a real broker and devices that speak the protocol.

`EDGEFERRY_PICTURES=1` also keeps the pictures of the documentation.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.broker import MOSQUITTO, Broker
from tests.e2e.conftest import keep_picture
from tests.fleet.parcel import write_bundle
from tests.fleet.server_process import ServerProcess, eventually
from tests.fleet.simulated import SimulatedDevice

YARD = {"cam-dock-1": ("rpi4", "dock"), "cam-dock-2": ("coral-usb", "dock"), "cam-gate": ("jetson-orin-jp6", "gate")}


class Yard:
    """A server and three devices with a quarter of an hour behind them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = Broker(folder)
        self.broker.start()
        self.server = ServerProcess(folder, self.broker.url)
        self.devices = {
            name: SimulatedDevice(self.broker.port, name, profile=profile, site=site)
            for name, (profile, site) in YARD.items()
        }
        for device in self.devices.values():
            self.remember(device)
        assert eventually(lambda: self.server.get("/api/stats")["stored"] == 3 * 180)

    def remember(self, device: SimulatedDevice) -> None:
        """The readings of the last fifteen minutes, one every five seconds."""
        chance, now_s = random.Random(device.name), time.time()
        for number in range(1, 181):
            device.send(
                [number], oldest=1, at_s=now_s - 5 * (180 - number), rate=chance.gauss(10.0, 0.3), chance=chance
            )

    def stop(self) -> None:
        for device in self.devices.values():
            device.stop()
        code = self.server.stop()
        self.broker.stop()
        assert code == 0
        assert "Traceback" not in self.server.words.read_text()


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    if not shutil.which(MOSQUITTO):
        pytest.skip("mosquitto is not installed")
    made = Yard(tmp_path_factory.mktemp("yard"))
    yield made
    made.stop()


@pytest.fixture
def page(browser: Browser, yard: Yard) -> Iterator[Page]:
    """A page that fails the test when it asks another server for anything or when a script stumbles."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened, wrong = context.new_page(), list[str]()
    opened.on("request", lambda asked: None if is_ours(asked.url, yard) else wrong.append(asked.url))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.set_default_timeout(15_000)
    yield opened
    context.close()
    assert wrong == []


def is_ours(url: str, yard: Yard) -> bool:
    return url.startswith((yard.server.url, yard.server.url.replace("http", "ws"), "data:", "blob:"))


def test_a_new_reading_shows_within_two_seconds(page: Page, yard: Yard) -> None:
    page.goto(yard.server.url)
    rate = page.get_by_test_id("device-cam-gate").get_by_test_id("rate")
    expect(rate).not_to_be_empty(timeout=15_000)
    keep_picture(page, "overview.png")
    for shown in ("77.7", "33.3"):
        yard.devices["cam-gate"].read_on(rate=float(shown))
        expect(rate).to_have_text(shown, timeout=2_000)


def test_the_fleet_is_summed_up_and_a_device_that_leaves_is_shown(page: Page, yard: Yard) -> None:
    page.goto(yard.server.url)
    expect(page.get_by_test_id("card-devices")).to_have_text("3 / 3")
    expect(page.get_by_test_id("card-stored-note")).to_have_text("none lost")
    visitor = SimulatedDevice(yard.broker.port, "visitor", profile="rpi3")
    expect(page.get_by_test_id("card-devices")).to_have_text("4 / 4")
    visitor.stop()
    expect(page.get_by_test_id("card-devices")).to_have_text("3 / 4")
    expect(page.get_by_test_id("device-visitor").get_by_role("img", name="offline")).to_be_visible()


def test_devices_are_found_and_sorted_by_keyboard_alone(page: Page, yard: Yard) -> None:
    page.goto(yard.server.url)
    rows = page.locator("[data-testid=devices] tbody tr")
    expect(page.get_by_test_id("device-cam-gate")).to_be_visible()
    page.get_by_role("button", name="Sort by Profile").focus()
    page.keyboard.press("Enter")
    expect(rows.first).to_have_attribute("data-testid", "device-cam-dock-2")
    page.get_by_label("Search").focus()
    page.keyboard.type("gate")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="cam-gate").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("device")).to_have_text("cam-gate")


def test_a_device_shows_its_charts_and_every_frame_accounted_for(page: Page, yard: Yard) -> None:
    page.goto(f"{yard.server.url}/devices/cam-dock-1")
    expect(page.get_by_test_id("ledger")).to_contain_text("110 frames captured = 100 inferred + 8 dropped (8 stale)")
    for chart in ("latency", "rate", "classes", "confidence"):
        expect(page.get_by_test_id(f"chart-{chart}").locator("canvas")).to_be_visible()
    expect(page.get_by_test_id("presence")).to_have_text("online")
    page.wait_for_timeout(500)
    keep_picture(page, "device.png")


def test_a_device_nobody_knows_is_said_plainly(page: Page, yard: Yard) -> None:
    page.goto(f"{yard.server.url}/devices/nobody")
    expect(page.get_by_text("No device called nobody")).to_be_visible()


def test_a_rollout_begun_on_the_page_shows_its_progress_and_why_it_halted(page: Page, yard: Yard) -> None:
    for profile in ("rpi4", "coral-usb"):
        yard.server.client.release(write_bundle(yard.folder, profile, version=2))
    page.goto(f"{yard.server.url}/releases")
    page.get_by_test_id("release-digits@2").get_by_test_id("roll-out").click()
    page.get_by_test_id("begin").click()
    card = page.get_by_test_id("rollout-1")
    expect(card.get_by_test_id("state")).to_have_text("running")
    expect(card).to_contain_text("no bundle for profile jetson-orin-jp6")
    first, second = yard.devices["cam-dock-1"], yard.devices["cam-dock-2"]
    first.report(first.told(), "committed")
    told = second.told()
    second.report(told, "provisional")
    expect(card.get_by_role("row", name="cam-dock-2")).to_contain_text("provisional")
    second.report(told, "rolled-back", "confidence", "mean confidence 0.31 is below 0.60")
    expect(card.get_by_test_id("cause")).to_have_text(
        "Halted: confidence. cam-dock-2 rolled-back: mean confidence 0.31 is below 0.60"
    )
    page.wait_for_timeout(300)
    keep_picture(page, "rollout.png")
    page.goto(f"{yard.server.url}/releases")
    expect(page.get_by_test_id("release-digits@2")).to_contain_text("accuracy 95.0 % on 297 pictures")
    page.goto(f"{yard.server.url}/devices/cam-dock-2")
    expect(page.get_by_test_id("wanted-cause")).to_contain_text("mean confidence 0.31")
    expect(page.get_by_test_id("history")).to_contain_text("provisional")


def test_a_running_rollout_is_stopped_on_the_page(page: Page, yard: Yard) -> None:
    yard.server.client.release(write_bundle(yard.folder, "jetson-orin-jp6", version=3))
    made = yard.server.client.create_rollout({"release": "digits@3"})
    page.goto(f"{yard.server.url}/rollouts")
    card = page.get_by_test_id(f"rollout-{made['id']}")
    card.get_by_test_id("stop").click()
    page.get_by_role("button", name="Stop it").click()
    expect(card.get_by_test_id("cause")).to_contain_text("aborted")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, yard: Yard, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    for path in ("/", "/devices/cam-gate", "/releases", "/rollouts"):
        page.goto(yard.server.url + path)
        expect(page.get_by_test_id("broker")).to_have_text("broker connected", timeout=15_000)
        page.wait_for_timeout(800)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        if path == "/" and scheme == "dark":
            keep_picture(page, "phone.png")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(245, 246, 248)", "dark": "rgb(14, 18, 23)"}[scheme]
    context.close()
