"""The report of a conversion: one page that loads nothing, says what was measured, and trusts no name."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from converters.report import report_page
from tests.converters.pages import HOSTILE, page, rows
from tests.html_balance import Balance

_CHROMIUM = "/usr/bin/chromium"
_OVERLAPS = """
() => {
  const boxes = [...document.querySelectorAll('svg text')].map(t => [t.textContent, t.getBoundingClientRect()]);
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2;
  return boxes.flatMap(([a, x], i) => boxes.slice(i + 1).filter(([_, y]) => meet(x, y)).map(([b]) => `${a} | ${b}`));
}
"""
"""Pairs of texts of the picture that cover each other; fonts stand a pixel or two into each other's line."""


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    html = report_page(page())
    balance = Balance()
    balance.feed(html)
    assert balance.open == []
    assert not balance.seen & {"script", "link", "iframe", "object"}
    addresses = re.findall(r'(?:src|href)="([^"]*)"|url\(([^)]*)\)', html)
    assert all(address.startswith("data:image/png;base64,") for pair in addresses for address in pair if address)
    assert "default-src 'none'" in html


def test_no_name_becomes_part_of_the_page() -> None:
    html = report_page(page())
    assert HOSTILE not in html
    assert html.count("&lt;script&gt;alert") >= 5


def test_the_measured_numbers_stand_in_it() -> None:
    html = report_page(page())
    for said in ("98.83%", "97.7% to 99.5%", "6 of 7", "34.4 dB", "exact", "0.432 ms", "2.13 ms", "0.412 MiB"):
        assert said in html, said
    for said in ("DEPTHWISE_CONV_2D", "61.00%", "0.67%", "14 of 597", "2 RESIZE_BILINEAR", "within 35 %"):
        assert said in html, said


def test_what_was_not_measured_is_a_dash_and_no_zero() -> None:
    bare = replace(rows()[0], metric=None, low=None, high=None, sqnr_db=None, latency_ms=None, predicted_ms=None)
    html = report_page(page(artifacts=(bare,), details=(), preflights=(), source=None, source_low=None))
    assert html.count("<td>-</td>") == 5
    assert "<svg" not in html
    assert "nothing to draw" in html


def test_a_metric_in_a_unit_of_its_own_is_no_percentage() -> None:
    html = report_page(page(metric="mean error", is_share=False))
    assert ">0.988<" in html
    assert "0.977 to 0.995" in html
    assert "accuracy of the original" not in html


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_a_browser_shows_it_without_overlaps_or_a_page_that_moves_sideways(
    tmp_path: Path, scheme: str, width: int
) -> None:
    if not shutil.which(_CHROMIUM):
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    (tmp_path / "page.html").write_text(report_page(page()))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        asked: list[str] = []
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto((tmp_path / "page.html").as_uri())
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        assert shown.evaluate("document.documentElement.scrollWidth") == width
        assert shown.evaluate(_OVERLAPS) == []
        assert shown.evaluate("document.images[0].naturalWidth") == 8
        browser.close()
