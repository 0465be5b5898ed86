"""The report: one page that loads nothing, says what was measured, and trusts no folder's name."""

from __future__ import annotations

import re

from tests.html_balance import Balance
from tests.trainer.records import HOSTILE, record
from trainer.report import report


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    page = report(record())
    balance = Balance()
    balance.feed(page)
    assert balance.open == []
    assert not balance.seen & {"script", "link", "iframe", "object"}
    addresses = re.findall(r'(?:src|href)="([^"]*)"|url\(([^)]*)\)', page)
    assert all(address.startswith("data:image/png;base64,") for pair in addresses for address in pair if address)


def test_a_folder_name_cannot_become_part_of_the_page() -> None:
    page = report(record())
    assert HOSTILE not in page
    assert "&lt;script&gt;alert" in page


def test_the_measured_numbers_stand_in_it() -> None:
    page = report(record())
    for said in ("70.0%", "40% to 89%", "66.7%", "78,426", "812 pictures/s", "weights of epoch 3", "seed = 5"):
        assert said in page, said


def test_a_model_without_mistakes_is_said_to_have_none() -> None:
    assert "None on the test split." in report(record(mistakes=False))


def test_light_and_dark_are_both_there() -> None:
    assert "prefers-color-scheme: dark" in report(record())
