"""The page works by keyboard, offline, and names in it are text."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trainer.kept_pictures import keep
from trainer.retraining import labelling
from trainer.retraining.labelling import label_folder

CHROMIUM = "chromium"
HOSTILE = "</script><b>&"


def test_more_pictures_than_a_page_holds_are_several_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelling, "PAGE_LIMIT", 2)
    for number in range(5):
        keep(tmp_path / "cam", number)
    assert label_folder([tmp_path / "cam"], tmp_path / "out", None).pages == 3
    text = (tmp_path / "out" / "label-2.html").read_text()
    assert '<a href="label.html">1</a> <b>2</b> <a href="label-3.html">3</a>' in text
    assert '"export":"labels-2.csv"' in text


@pytest.fixture
def page(tmp_path: Path) -> Iterator[object]:
    if not shutil.which(CHROMIUM):
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    for number, scores in enumerate(((("cat", 0.9), ("dog", 0.1)), (("dog", 0.5), ("cat", 0.45)), ((HOSTILE, 0.9),))):
        keep(tmp_path / "cam", number, scores)
    label_folder([tmp_path / "cam"], tmp_path / "out", None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which(CHROMIUM), args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 900, "height": 800}, color_scheme="dark")
        shown.goto((tmp_path / "out" / "label.html").as_uri())
        yield shown
        browser.close()


def test_labels_given_by_keys_are_exported(page: object) -> None:
    from playwright.sync_api import Page

    assert isinstance(page, Page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.evaluate("document.getElementById('picture').naturalWidth") == 32
    for key in ("Enter", "ArrowRight", "ArrowLeft", "3", "x"):  # the guess; on and back; dog, the third; of no use
        page.keyboard.press(key)
    page.reload()  # what was said is still known
    assert page.inner_text("#said") == "3 of 3 labelled"
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    with page.expect_download() as caught:
        page.click("#export")
    assert caught.value.suggested_filename == "labels.csv"
    rows = list(csv.reader(io.StringIO(Path(caught.value.path()).read_text())))
    assert [label for _, label in rows] == ["label", "cat", "dog", "-"]
    assert not [url for url in asked if not url.startswith(("file:", "blob:"))]
    assert page.locator("b").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 900
