"""The page in a real browser, against a whole server, a real broker and devices that speak the protocol.

`EDGEFERRY_PICTURES=1` also keeps the pictures of the documentation.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from contract.messages import Reply
from edge.kept_files import KeptFiles
from fleet.page.palette import DARK, LIGHT
from tests.broker import MOSQUITTO
from tests.e2e.conftest import keep_picture
from tests.e2e.yard import Watched, Yard
from tests.fleet.parcel import write_bundle
from tests.fleet.simulated import SimulatedDevice

PATHS = ("/", "/devices/cam-gate", "/releases", "/rollouts", "/rollouts/new", "/alerts", "/quarantine", "/audit")


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
    watched = Watched(browser, yard.server.url)
    yield watched.page
    watched.close()


def test_a_new_reading_shows_within_two_seconds(page: Page, yard: Yard) -> None:
    page.goto(yard.server.url)
    rate = page.get_by_test_id("device-cam-gate").get_by_test_id("rate")
    expect(rate).not_to_be_empty()
    for shown in ("77.7", "33.3"):
        yard.devices["cam-gate"].read_on(rate=float(shown))
        expect(rate).to_have_text(shown, timeout=2_000)


def test_the_fleet_is_summed_up_and_a_device_that_leaves_is_shown(page: Page, yard: Yard) -> None:
    page.goto(yard.server.url)
    expect(page).to_have_title("Overview · barn · edgeferry")
    expect(page.get_by_test_id("card-devices")).to_have_text("3 / 3")
    expect(page.get_by_test_id("card-stored-note")).to_have_text("none lost")
    visitor = SimulatedDevice(yard.broker.port, "visitor", profile="rpi3")
    expect(page.get_by_test_id("card-devices")).to_have_text("4 / 4")
    visitor.stop()
    expect(page.get_by_test_id("card-devices")).to_have_text("3 / 4")
    expect(page.get_by_test_id("device-visitor").get_by_role("img", name="offline")).to_be_visible()
    keep_picture(page, "overview.png")


def test_a_place_on_the_map_narrows_the_list_to_the_devices_that_stand_there(page: Page, yard: Yard) -> None:
    page.goto(yard.server.url)
    rows = page.locator("[data-testid=devices] tbody tr")
    page.get_by_role("button", name="dock: 2 online").click()
    expect(page.get_by_test_id("placed")).to_have_text("dock")
    expect(rows).to_have_count(2)
    page.get_by_test_id("clear").click()
    expect(page.get_by_test_id("device-cam-gate")).to_be_visible()
    for _ in range(8):
        page.get_by_role("button", name="Farther").click()
    expect(page.get_by_role("button", name="2 places: 3 online")).to_be_visible()


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
    expect(page).to_have_url(f"{yard.server.url}/?search=gate")
    page.get_by_role("link", name="cam-gate").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("device")).to_have_text("cam-gate")


def test_a_device_shows_its_charts_its_log_and_every_frame_accounted_for(page: Page, yard: Yard) -> None:
    page.goto(f"{yard.server.url}/devices/cam-dock-1")
    expect(page.get_by_test_id("ledger")).to_contain_text("110 frames captured = 100 inferred + 8 dropped (8 stale)")
    for chart in ("latency", "rate", "drops", "temperature", "classes", "confidence"):
        expect(page.get_by_test_id(f"chart-{chart}").locator("canvas")).to_be_visible()
    expect(page.get_by_test_id("none-drift")).to_contain_text("No window of pictures was judged")
    expect(page.get_by_test_id("presence")).to_have_text("online")
    expect(page.get_by_test_id("history")).to_contain_text("serving digits@1")
    expect(page.get_by_test_id("no-sightings")).to_be_visible()
    page.wait_for_timeout(300)
    keep_picture(page, "device.png")
    page.get_by_role("button", name="24 h").click()
    expect(page.get_by_test_id("chart-rate").locator("canvas")).to_be_visible()
    page.get_by_test_id("ping").click()
    expect(page.get_by_text("cam-dock-1 answered the ping within")).to_be_visible()


def test_a_picture_is_shown_from_the_device_where_it_shares_them(page: Page, yard: Yard) -> None:
    device = yard.devices["cam-gate"]
    name = "20260101T000000.000Z_gate_entered-zone-yard_7.jpg"
    (yard.folder / name).write_bytes(bytes(cv2.imencode(".jpg", np.full((90, 160, 3), 200, np.uint8))[1]))
    device.keep_event(name)
    page.goto(f"{yard.server.url}/devices/cam-gate")
    expect(page.get_by_test_id("sightings")).to_contain_text("person 3 entered zone yard")
    device.answer = lambda command: Reply(id=command.id, ok=False, detail="it does not share its pictures")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_contain_text("Cam-gate refused: it does not share its pictures.")
    device.answer = KeptFiles([yard.folder]).answer
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_test_id("picture")).to_be_visible()
    size = page.get_by_test_id("picture").evaluate("(picture) => [picture.naturalWidth, picture.naturalHeight]")
    assert size == [160, 90]
    page.get_by_test_id("close").click()
    expect(page.get_by_test_id("picture")).to_have_count(0)


def test_a_live_chart_gets_new_points_alone(page: Page, yard: Yard) -> None:
    sizes: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: sizes.append(len(frame))))
    page.goto(f"{yard.server.url}/devices/cam-gate")
    expect(page.get_by_test_id("chart-rate").locator("canvas")).to_be_visible()
    page.wait_for_timeout(1500)
    points = """() => { const id = document.querySelector('[data-testid=chart-rate]').id.slice(1);
        return getElement(Number(id)).chart.getOption().dataset[0].source.map((row) => row[1]); }"""
    before, sent = page.evaluate(points), len(sizes)
    yard.devices["cam-gate"].read_on(rate=55.5)
    page.wait_for_function(f"({points})().at(-1) === 55.5")
    assert len(page.evaluate(points)) <= len(before) + 2
    assert max(sizes[sent:]) < 8_000


def test_a_device_nobody_knows_is_said_plainly(page: Page, yard: Yard) -> None:
    page.goto(f"{yard.server.url}/devices/nobody")
    expect(page.get_by_text("No device called nobody")).to_be_visible()


def test_a_rollout_is_tried_begun_halted_and_explained(page: Page, yard: Yard) -> None:
    for profile in ("rpi4", "coral-usb"):
        yard.server.client.release(write_bundle(yard.folder, profile, version=2))
    page.goto(f"{yard.server.url}/releases")
    expect(page.get_by_test_id("release-digits@2")).to_contain_text("accuracy 95.0 % on 297 pictures")
    page.get_by_test_id("release-digits@2").get_by_test_id("roll-out").click()
    page.get_by_test_id("check").click()
    expect(page.get_by_test_id("preview-summary")).to_contain_text("digits@2 to 2 devices in 2 waves")
    expect(page.get_by_test_id("preview-blocked")).to_contain_text("cam-gate: no bundle for profile jetson-orin-jp6")
    keep_picture(page, "rollout-new.png")
    assert yard.server.get("/api/rollouts")["rollouts"] == []
    page.get_by_test_id("begin").click()
    expect(page.get_by_test_id("title")).to_have_text("Rollout 1")
    expect(page.get_by_test_id("state")).to_have_text("running")
    first, second = yard.devices["cam-dock-1"], yard.devices["cam-dock-2"]
    first.report(first.told(), "committed")
    told = second.told()
    second.report(told, "provisional")
    expect(page.get_by_test_id("wave-1")).to_contain_text("1 of 1 committed")
    expect(page.get_by_role("row", name="cam-dock-2")).to_contain_text("provisional")
    second.report(told, "rolled-back", "confidence", "mean confidence 0.31 is below 0.60")
    expect(page.get_by_test_id("cause")).to_have_text(
        "Halted: confidence. cam-dock-2 rolled-back: mean confidence 0.31 is below 0.60"
    )
    expect(page.get_by_test_id("steps")).to_contain_text("halted, confidence")
    page.wait_for_timeout(300)
    keep_picture(page, "rollout.png")
    page.goto(f"{yard.server.url}/devices/cam-dock-2")
    expect(page.get_by_test_id("wanted-cause")).to_contain_text("mean confidence 0.31")
    expect(page.get_by_test_id("history")).to_contain_text("provisional")


def test_a_halted_rollout_is_rolled_back(page: Page, yard: Yard) -> None:
    for profile in ("rpi4", "coral-usb"):
        yard.server.client.release(write_bundle(yard.folder, profile, version=4))
    first, second = yard.devices["cam-dock-1"], yard.devices["cam-dock-2"]
    wanted = {"release": "digits@4", "devices": [first.name, second.name]}
    halted = yard.server.client.create_rollout(wanted)["id"]
    first.report(first.told(), "committed")
    second.report(second.told(), "refused", "golden", "answers differ")
    page.goto(f"{yard.server.url}/rollouts/{halted}")
    expect(page.get_by_test_id("state")).to_have_text("halted")
    page.get_by_test_id("roll-back").click()
    page.get_by_test_id("agree").click()
    expect(page.get_by_test_id("title")).to_have_text(f"Rollout {halted + 1}")
    told = first.told()
    assert f"{told.name}@{told.version}" == "digits@2"
    first.report(told, "committed")
    expect(page.get_by_test_id("state")).to_have_text("done")


def test_a_rollout_is_begun_and_aborted_by_keyboard_alone(page: Page, yard: Yard) -> None:
    yard.server.client.release(write_bundle(yard.folder, "jetson-orin-jp6", version=3))
    page.goto(f"{yard.server.url}/rollouts/new?release=digits@3")
    expect(page.get_by_test_id("check")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "check")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("preview-summary")).to_contain_text("digits@3 to 1 device in 1 wave")
    tab_to(page, "begin")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("state")).to_have_text("running")
    for key, there in (("Escape", 0), ("Enter", 1)):
        tab_to(page, "abort")
        page.keyboard.press("Enter")
        agree = page.get_by_test_id("agree")
        expect(agree).to_be_visible()
        if there:
            tab_to(page, "agree")
        page.keyboard.press(key)
        expect(agree).to_have_count(0)
    expect(page.get_by_test_id("cause")).to_contain_text("aborted")


def tab_to(page: Page, testid: str, *, most: int = 60) -> None:
    """Press Tab until that part has the focus, which must then be visible."""
    focused = "document.activeElement?.dataset?.testid ?? ''"
    for _ in range(most):
        if page.evaluate(focused) == testid:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{testid} cannot be reached by Tab")


def test_a_mistake_in_the_form_is_one_sentence(page: Page, yard: Yard) -> None:
    page.goto(f"{yard.server.url}/rollouts/new?release=digits@2")
    page.get_by_test_id("field-phases").fill("1,most")
    page.get_by_test_id("check").click()
    expect(page.get_by_role("alert")).to_contain_text(
        "The last phase must be `all` or a rate. Write them like 1,10%,all"
    )
    expect(page.get_by_test_id("preview")).to_have_count(0)


def test_a_filter_and_a_moment_narrow_a_rollout(page: Page, yard: Yard) -> None:
    yard.server.client.release(write_bundle(yard.folder, "rpi4", version=5))
    page.goto(f"{yard.server.url}/rollouts/new?release=digits@5")
    page.get_by_test_id("field-where").fill("site=dock and profile=rpi4")
    page.get_by_test_id("field-not_before").fill("2099-12-01T22:00:00Z")
    page.get_by_test_id("check").click()
    expect(page.get_by_test_id("preview-summary")).to_contain_text("digits@5 to 1 device in 1 wave")
    expect(page.get_by_test_id("preview-waves")).to_contain_text("2099-12-01 22:00")
    page.get_by_test_id("field-group").fill("dock")
    expect(page.get_by_test_id("preview")).to_have_count(0)
    page.get_by_test_id("check").click()
    expect(page.get_by_role("alert")).to_contain_text("names more than one of devices, group and where")


def test_what_cannot_be_read_is_counted_and_shown(page: Page, yard: Yard) -> None:
    for _ in range(2):
        yard.devices["cam-gate"].publish("telemetry", b'{"nonsense": <b>1</b>')
    page.goto(f"{yard.server.url}/quarantine")
    card = page.get_by_test_id("refused-cam-gate-malformed")
    expect(card.get_by_test_id("count")).to_have_text("2 messages")
    expect(card.get_by_test_id("sample")).to_have_text('{"nonsense": <b>1</b>')


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, yard: Yard, scheme: str) -> None:
    watched = Watched(browser, yard.server.url, width=375, height=812, scheme=scheme)
    page = watched.page
    for path in PATHS:
        page.goto(yard.server.url + path)
        expect(page.get_by_test_id("broker")).to_have_text("broker connected")
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, path
        if path == "/" and scheme == "dark":
            keep_picture(page, "phone.png")
    assert ground(page) == {"light": LIGHT, "dark": DARK}[scheme]["ground"]
    watched.close()


def test_the_colours_are_chosen_and_remembered(page: Page, yard: Yard) -> None:
    page.goto(yard.server.url)
    assert ground(page) == LIGHT["ground"]
    page.get_by_label("Colours").select_option("dark")
    assert ground(page) == DARK["ground"]
    page.goto(f"{yard.server.url}/releases")
    assert ground(page) == DARK["ground"]
    page.get_by_label("Colours").select_option("")
    assert ground(page) == LIGHT["ground"]


def ground(page: Page) -> str:
    """The page's background as `#rrggbb`."""
    colour = str(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    return "#" + "".join(f"{int(part):02x}" for part in colour[4:-1].split(","))
