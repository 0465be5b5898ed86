"""The login in a real browser: nothing is seen before it, a viewer changes nothing, and a logout closes open pages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from fleet.people import tokens, users
from fleet.people.passwords import Passwords
from fleet.store import open_store
from tests.broker import MOSQUITTO, Broker
from tests.conftest import edgeferry
from tests.e2e.conftest import keep_picture
from tests.fleet.parcel import bundle_bytes
from tests.fleet.server_process import ServerProcess
from tests.fleet.simulated import FLEET, SimulatedDevice

PASSWORD = "correct horse battery"


class Guarded:
    """A server with a viewer and an operator, one device and one release."""

    def __init__(self, folder: Path) -> None:
        self.store = f"sqlite:///{folder / 'fleet.db'}"
        passwords, opened = Passwords(), open_store(self.store, fleet=FLEET)
        with opened.writing() as connection:
            for name, role in (("root", "admin"), ("vera", "viewer"), ("otto", "operator")):
                users.add(connection, name, users.checked_role(role), PASSWORD, passwords=passwords, now_s=1.0)
                users.set_password(connection, name, PASSWORD, passwords=passwords, must_change=False)
            token = tokens.make(connection, "test", "admin", owner=None, lives_s=None, now_s=1.0)[1]
        opened.close()
        self.broker = Broker(folder)
        self.broker.start()
        self.server = ServerProcess(folder, self.broker.url)
        self.device = SimulatedDevice(self.broker.port, "cam-1", profile="rpi4")
        self.device.send([1, 2])
        self.device.acknowledged(2)
        self.headers = {"authorization": f"Bearer {token}", "content-type": "application/octet-stream"}
        httpx.post(f"{self.server.url}/api/releases", content=bundle_bytes("rpi4", version=1), headers=self.headers)

    def rollouts(self) -> int:
        answer = httpx.get(f"{self.server.url}/api/rollouts", headers=self.headers)
        return len(answer.json()["rollouts"])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    if not shutil.which(MOSQUITTO):
        pytest.skip("mosquitto is not installed")
    made = Guarded(tmp_path_factory.mktemp("guarded"))
    yield made
    made.device.stop()
    code = made.server.stop()
    made.broker.stop()
    assert code == 0
    assert "Traceback" not in made.server.words.read_text()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test where the browser refuses a script or a connection by the page's policy."""
    context, wrong = browser.new_context(viewport={"width": 1280, "height": 800}), list[str]()
    opened = context.new_page()
    opened.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.set_default_timeout(15_000)
    yield opened
    context.close()
    assert wrong == []


def log_in(page: Page, guarded: Guarded, name: str, path: str = "/") -> None:
    page.goto(guarded.server.url + path)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def test_nothing_is_seen_before_the_login_and_the_page_lives_after_it(page: Page, guarded: Guarded) -> None:
    page.goto(guarded.server.url + "/devices/cam-1")
    expect(page.get_by_role("heading")).to_have_text("Log in")
    assert "cam-1" not in page.locator("main").inner_text()
    keep_picture(page, "login.png")
    page.keyboard.type("vera")
    page.keyboard.press("Tab")
    page.keyboard.type("a wrong password")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("wrong")).to_contain_text("do not belong together")
    page.keyboard.type("vera")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("device")).to_have_text("cam-1")
    expect(page.get_by_test_id("visitor")).to_have_text("vera, viewer")
    page.goto(guarded.server.url)
    rate = page.get_by_test_id("device-cam-1").get_by_test_id("rate")
    guarded.device.read_on(rate=77.7)
    expect(rate).to_have_text("77.7", timeout=5_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_form_fits_a_phone_and_has_enough_contrast(browser: Browser, guarded: Guarded, scheme: str) -> None:
    dark = scheme == "dark"
    context = browser.new_context(viewport={"width": 360, "height": 640}, color_scheme="dark" if dark else "light")
    page = context.new_page()
    page.goto(guarded.server.url + "/login")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("document.scripts.length") == 0
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(14, 18, 23)" if dark else "rgb(245, 246, 248)")
    context.close()


def test_a_viewer_is_not_offered_a_rollout_and_an_operators_is_written_down(page: Page, guarded: Guarded) -> None:
    for name, count in (("vera", 0), ("otto", 1)):
        log_in(page, guarded, name, "/releases")
        expect(page.get_by_test_id("visitor")).to_contain_text(name)
        expect(page.get_by_test_id("roll-out")).to_have_count(count)
        if count:
            page.get_by_test_id("roll-out").click()
            page.get_by_test_id("check").click()
            page.get_by_test_id("begin").click()
            expect(page.get_by_test_id("title")).to_have_text("Rollout 1")
        assert guarded.rollouts() == count
        page.goto(guarded.server.url + "/logout")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading")).to_have_text("Log in")
    shown = edgeferry("fleet", "audit", "show", "--json", "--store", guarded.store)
    acts = [(e["who"], e["act"], e["outcome"]) for e in json.loads(shown.stdout)["entries"]]
    assert ("otto", "rollout created", "done") in acts
    assert not any(who == "vera" and "rollout" in act for who, act, _ in acts)


def test_a_logout_in_one_tab_silences_the_other(page: Page, guarded: Guarded) -> None:
    log_in(page, guarded, "vera")
    rate = page.get_by_test_id("device-cam-1").get_by_test_id("rate")
    guarded.device.read_on(rate=11.1)
    expect(rate).to_have_text("11.1", timeout=5_000)
    other = page.context.new_page()
    other.goto(guarded.server.url + "/logout")
    other.get_by_role("button", name="Log out").click()
    expect(other.get_by_role("heading")).to_have_text("Log in")
    page.wait_for_timeout(2_500)
    guarded.device.read_on(rate=22.2)
    page.wait_for_timeout(2_500)
    assert "22.2" not in page.content()


def test_a_foreign_page_cannot_log_somebody_in_or_out(page: Page, guarded: Guarded, tmp_path: Path) -> None:
    log_in(page, guarded, "vera")
    expect(page.get_by_test_id("visitor")).to_have_text("vera, viewer")
    foreign = tmp_path / "foreign.html"
    foreign.write_text(
        f"<form method=post action='{guarded.server.url}/logout'><button>Win a prize</button></form>"
        f"<iframe src='{guarded.server.url}/login'></iframe>"
    )
    other = page.context.new_page()
    other.goto(foreign.as_uri())
    other.get_by_role("button").click()
    other.wait_for_load_state()
    page.reload()
    expect(page.get_by_test_id("visitor")).to_have_text("vera, viewer")
