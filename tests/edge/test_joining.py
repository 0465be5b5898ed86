"""A device.toml that is there keeps what a person wrote."""

from __future__ import annotations

import pytest

from edge.joining import with_keys

TEXT = """# mine
fleet = "barn"
[broker]  # the old one
url = "mqtt://old"
username = "me"  # stays
[camera]
source = "0"
"""


def test_keys_are_set_in_their_table_and_all_else_stays() -> None:
    changed = with_keys(TEXT, "broker", {"url": "mqtts://new", "ca_file": "ca.pem", "username": None})
    assert changed == (
        '# mine\nfleet = "barn"\n[broker]  # the old one\nurl = "mqtts://new"\nca_file = "ca.pem"\n'
        '[camera]\nsource = "0"\n'
    )


def test_a_table_that_is_missing_is_added() -> None:
    assert with_keys(TEXT, "identity", {"server": "https://x"}).endswith('\n\n[identity]\nserver = "https://x"\n')


@pytest.mark.parametrize("times", [2, 3])
def test_doing_it_again_changes_nothing(times: int) -> None:
    once = with_keys(TEXT, "broker", {"url": "mqtts://new"})
    again = once
    for _ in range(times):
        again = with_keys(again, "broker", {"url": "mqtts://new"})
    assert again == once
