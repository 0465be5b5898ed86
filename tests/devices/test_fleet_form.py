"""A form of devices: what it may say, and the line that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigError
from devices.flash_journal import Done, FlashJournal
from devices.fleet_form import read_form

BASE = {"profile": "rpi4", "broker": "mqtt://b", "publishers": ["/p.pub"]}
TO = "ssh://pi@{host}.local"
BUNDLE = Path("/first.bundle")


def form(folder: Path, text: str) -> Path:
    path = folder / "devices.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


def test_each_row_is_a_device_and_empty_cells_are_said_for_all(tmp_path: Path) -> None:
    text = 'device_id,site,fleet_keys,wifi.ssid,wifi.country,wifi.password,to,bundle\ncam-1,"hall, left",a.pub;b.pub,net,DE,hunter22,,\n\ncam_2,,,,,,ssh://10.0.0.2,own.bundle\n'
    first, second = read_form(form(tmp_path, text), BASE, to=TO, bundle=BUNDLE)
    assert (first.line, first.to, first.bundle) == (2, "ssh://pi@cam-1.local", BUNDLE)
    assert first.settings.site == "hall, left"
    assert first.settings.fleet_keys == (f"{tmp_path}/a.pub", f"{tmp_path}/b.pub")
    assert first.settings.wifi is not None
    assert first.settings.wifi.ssid == "net"
    assert (second.line, second.to, second.bundle) == (4, "ssh://10.0.0.2", tmp_path / "own.bundle")
    assert second.settings.wifi is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("device_id,colour\na,red\n", 1, "no setting 'colour'"),
        ("device_id,device_id\na,b\n", 1, "comes twice"),
        ("device_id,site\na,hall\nb,yard,roof\n", 3, "3 cells"),
        ("device_id,profile\na,rpi4\nb,rpi44\n", 3, "no profile"),
        ("device_id,site\na,hall\na,yard\n", 3, "is in line 2 already"),
        ("device_id,to\na,ssh://x\nb,ssh://x\n", 3, "is in line 2 already"),
        ("device_id,wifi.hidden\na,maybe\n", 2, "neither yes nor no"),
        ('device_id,site\na,"hall\n', 2, "no CSV"),
        ("device_id,to\na,ssh://{name}\n", 2, "something else"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = form(tmp_path, text)
    with pytest.raises(ConfigError, match=words) as refused:
        read_form(path, BASE, to=TO, bundle=BUNDLE)
    assert refused.value.where.startswith(f"{path}:{line}")


def test_a_form_without_devices_is_no_form(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no device in it"):
        read_form(form(tmp_path, "device_id\n\n"), BASE, to=TO, bundle=BUNDLE)


def test_a_row_that_nothing_says_a_place_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing says its to"):
        read_form(form(tmp_path, "device_id\na\n"), BASE, to=None, bundle=BUNDLE)


def test_what_is_done_is_known_to_the_next_run_whatever_a_power_cut_left(tmp_path: Path) -> None:
    first, second = (Done(device_id=name, to="ssh://x", payload="0") for name in ("a", "b"))
    path = form(tmp_path, "")
    FlashJournal(path).add(first)
    with (tmp_path / "devices.csv.done").open("ab") as file:
        file.write(b'{"device_id":"b","to":"ss')
    journal = FlashJournal(path)
    assert first in journal
    assert second not in journal
    journal.add(second)
    again = FlashJournal(path)
    assert first in again
    assert second in again
