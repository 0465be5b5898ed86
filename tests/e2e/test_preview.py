"""The preview in a real browser: the picture, its marks, the account of frames, and labels that would like to be code.

`EDGEFERRY_PICTURES=1` also keeps the picture of the documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from contract.result import ClassScore, Detection, SceneEvent, Segment, StageTimes, Value
from contract.scene import Line, Scene, Zone
from edge.frames import Frame, Pixels
from edge.preview import Preview
from tests.e2e.conftest import keep_picture
from tests.edge.preview.watching import answered, damaged, frames_coming, result_of, window_of

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture
def preview() -> Iterator[Preview]:
    made = Preview(0)
    made.start()
    yield made
    made.close()


@pytest.fixture
def page(browser: Browser, preview: Preview) -> Iterator[Page]:
    """A page that fails the test when it asks another server for anything or when a script stumbles."""
    context = browser.new_context(viewport={"width": 1360, "height": 860})
    opened, wrong = context.new_page(), list[str]()
    opened.on("request", lambda asked: None if is_ours(asked.url, preview) else wrong.append(asked.url))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    opened.on("dialog", lambda dialog: wrong.append(dialog.message))
    opened.set_default_timeout(15_000)
    yield opened
    opened.goto("about:blank")
    context.close()
    assert wrong == []


def is_ours(url: str, preview: Preview) -> bool:
    return url.startswith((preview.url, "data:", "blob:", "about:"))


def colour_at(page: Page, across: float, down: float) -> list[int]:
    """Red, green, blue of the picture as drawn."""
    script = """([x, y]) => { const c = document.getElementById("picture");
        return [...c.getContext("2d").getImageData(x * c.width, y * c.height, 1, 1).data].slice(0, 3); }"""
    found: list[int] = page.evaluate(script, [across, down])
    return found


def test_the_page_shows_the_picture_with_its_box_and_where_every_frame_went(page: Page, preview: Preview) -> None:
    preview.window(window_of())
    preview.note("78 °C, to stay under 80 °C: 48% of the frames")
    with frames_coming(preview):
        page.goto(preview.url)
        expect(page.get_by_test_id("note")).to_contain_text("48% of the frames")
        expect(page.get_by_test_id("answers")).to_contain_text("person #4")
        expect(page.get_by_test_id("picture")).to_have_attribute("aria-label", "door: person 87 %")
        expect(page.get_by_test_id("ledger")).to_have_text(
            "100 captured = 80 inferred + 12 gated + 5 dropped (stale) + 3 damaged"
        )
        expect(page.get_by_test_id("latency").get_by_role("row", name="invoke")).to_contain_text("8.10")
        expect(page.get_by_test_id("link")).to_have_text("live")
        assert max(abs(shade - 90) for shade in colour_at(page, 0.75, 0.75)) < 6
        # The box's left edge: saturated, unlike the grey beneath.
        edge = colour_at(page, 0.25, 0.4)
        assert max(edge) - min(edge) > 80
        page.keyboard.press("m")
        edge = colour_at(page, 0.25, 0.4)
        assert max(edge) - min(edge) < 12


def test_a_label_that_is_markup_stays_text(page: Page, preview: Preview) -> None:
    def hostile(index: int) -> tuple[Any, Any]:
        return answered(index, source=HOSTILE, label=HOSTILE)

    with frames_coming(preview, hostile):
        page.goto(preview.url)
        expect(page.get_by_test_id("answers")).to_contain_text(HOSTILE)
        expect(page.get_by_test_id("sources")).to_contain_text(HOSTILE)
        assert page.locator("img, #answers script").count() == 0


def test_a_damaged_frame_is_shown_as_such_and_pause_holds_the_picture(page: Page, preview: Preview) -> None:
    with frames_coming(preview, lambda index: damaged(index) if index % 25 == 24 else answered(index)):
        page.goto(preview.url)
        expect(page.get_by_test_id("picture")).to_have_attribute("aria-label", "door: person 87 %")
        page.keyboard.press("Space")
        expect(page.get_by_role("button", name="Pause")).to_have_attribute("aria-pressed", "true")
        held = page.get_by_test_id("caption").text_content()
        page.wait_for_timeout(600)
        assert page.get_by_test_id("caption").text_content() == held
    with frames_coming(preview, damaged):
        page.keyboard.press("Space")
        expect(page.get_by_test_id("trouble")).to_contain_text("is damaged (door, frame")


def test_sources_are_chosen_by_keyboard_and_every_task_has_its_rows(page: Page, preview: Preview) -> None:
    def either(index: int) -> tuple[Any, Any]:
        return answered(index, source="door") if index % 2 else everything(index)

    with frames_coming(preview, either):
        page.goto(preview.url)
        expect(page.get_by_test_id("source")).to_have_value("door")
        page.keyboard.press("2")
        expect(page.get_by_test_id("source")).to_have_value("yard")
        rows = page.get_by_test_id("answers")
        for words in ("macaw", "76 %", "grass", "depth", "1.25 m · alarm"):
            expect(rows).to_contain_text(words)
        expect(page.get_by_test_id("events").locator("li").first).to_contain_text("person #2 crossed in sill")


def everything(index: int) -> tuple[Any, Any]:
    """A result with the fields of every task that has rows."""
    frame = Frame.now("yard", index, np.full((90, 160, 3), 60, np.uint8))
    crossed = SceneEvent(
        kind="crossed",
        at_s=1.5,
        track=2,
        label="person",
        score=0.9,
        box_xyxy_px=(0, 0, 9, 9),
        place="sill",
        direction="in",
    )
    return frame, result_of(
        frame,
        classes=(ClassScore(index=89, label="macaw", score=0.76),),
        segments=(Segment(index=1, label="grass", share=0.4),),
        values=(Value(name="depth", value=1.25, unit="m", alarm=True),),
        events=(crossed,),
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, preview: Preview, scheme: Any) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    preview.window(window_of())
    with frames_coming(preview, lambda index: answered(index, source="a-camera-with-" + 60 * "long")):
        page.goto(preview.url)
        expect(page.get_by_test_id("answers")).to_contain_text("person #4")
        expect(page.get_by_test_id("ledger")).to_contain_text("100 captured")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(245, 246, 248)", "dark": "rgb(14, 18, 23)"}[scheme]
    context.close()


def test_a_photograph_as_the_documentation_shows_it(page: Page, preview: Preview, shared_data: Path) -> None:
    photograph = cv2.imread(str(shared_data / "images" / "pets.jpg"))
    assert photograph is not None
    pixels = photograph.astype(np.uint8, copy=False)
    zone = Zone(name="lawn", polygon=((0.06, 0.4), (0.94, 0.4), (0.97, 0.96), (0.03, 0.96)))
    preview.scene("garden", Scene(zones=(zone,), lines=(Line(name="path", begin=(0.0, 0.3), end=(1.0, 0.3)),)))
    preview.window(window_of(mean_confidence=0.78))
    with frames_coming(preview, lambda index: dogs(index, pixels), every_s=0.06):
        page.emulate_media(color_scheme="dark")
        page.goto(preview.url)
        expect(page.get_by_test_id("answers")).to_contain_text("dog #1")
        page.wait_for_timeout(4000)
        keep_picture(page, "preview.png")


def dogs(index: int, pixels: Pixels) -> tuple[Any, Any]:
    """Two dogs as the shared detector finds them (expected.json), and times of a small board."""
    frame = Frame.now("garden", index, pixels)
    width, height = frame.size_wh
    boxes = ((0.237, 0.114, 0.491, 0.678), (0.664, 0.384, 0.965, 0.860))
    found = tuple(
        Detection(
            index=17,
            label="dog",
            score=score,
            box_xyxy_px=(left * width, top * height, right * width, bottom * height),
            track=track,
        )
        for track, score, (left, top, right, bottom) in zip((1, 2), (0.816, 0.738), boxes, strict=True)
    )
    times = StageTimes(preprocess=0.6 + index % 5 / 10, invoke=7.2 + (index * 7 % 11) / 5, postprocess=0.3)
    return frame, result_of(frame, detections=found, latency_ms=times, age_ms=2.0 + index % 4)
