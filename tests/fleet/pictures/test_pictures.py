"""Pictures go from a device's folder to an operator: by the API, by the command, and only while the device shares."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from contract.errors import LinkError
from contract.kept_files import NAMES_AT_ONCE, PIECE_BYTES
from contract.messages import Command, Reply
from edge.kept_files import KeptFiles
from fleet.commanding import Commands
from tests.broker import Broker
from tests.conftest import edgeferry
from tests.fleet.server_process import ServerProcess, eventually
from tests.fleet.simulated import FLEET, SimulatedDevice

Served = tuple[ServerProcess, Broker]
FIRST, SECOND = "20260101T000000.000Z_door_dwelled-mat_7.jpg", "20260102T000000.000Z_door_unsure_9.jpg"


def private(command: Command) -> Reply:
    return Reply(id=command.id, ok=False, detail="it does not share its pictures")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Two pictures, one of them of three pieces, with what is said about them."""
    folder = tmp_path / "on-the-device"
    folder.mkdir()
    for name, size in ((FIRST, 2 * PIECE_BYTES + 17), (SECOND, 1000)):
        (folder / name).write_bytes(os.urandom(size))
        (folder / name.replace(".jpg", ".json")).write_text(json.dumps({"of": name}))
    return folder


@contextmanager
def known(served: Served, name: str, answer: Callable[[Command], Reply]) -> Iterator[SimulatedDevice]:
    """A device the server has heard of, which answers like that."""
    server, broker = served
    device = SimulatedDevice(broker.port, name)
    device.answer = answer
    assert eventually(lambda: httpx.get(f"{server.url}/api/devices/{name}").status_code == 200)
    yield device
    device.stop()


@pytest.fixture
def sharing(served: Served, kept: Path) -> Iterator[SimulatedDevice]:
    """A device that answers from that folder."""
    with known(served, "pictures-1", KeptFiles([kept]).answer) as device:
        yield device


def ask(served: Served, path: str) -> httpx.Response:
    return httpx.get(f"{served[0].url}/api/pictures/{path}", timeout=30)


def test_what_a_device_keeps_is_listed_and_read_from_it(served: Served, sharing: SimulatedDevice, kept: Path) -> None:
    listed = ask(served, sharing.name).json()["pictures"]
    assert [one["name"] for one in listed] == [FIRST, SECOND]
    picture = ask(served, f"{sharing.name}/{FIRST}")
    assert (picture.content, picture.headers["content-type"]) == ((kept / FIRST).read_bytes(), "image/jpeg")
    assert ask(served, f"{sharing.name}/{SECOND.replace('.jpg', '.json')}").json() == {"of": SECOND}
    (kept / FIRST).unlink()
    assert ask(served, f"{sharing.name}/{FIRST}").status_code == 404


@pytest.mark.parametrize("name", ["../../secret.jpg", "secret", ".hidden.jpg"])
def test_a_name_no_picture_can_have_is_not_even_asked_for(served: Served, sharing: SimulatedDevice, name: str) -> None:
    sharing.answer = lambda command: pytest.fail(str(command))
    assert ask(served, f"{sharing.name}/{quote(name, safe='')}").status_code in (400, 404)


def test_a_device_that_does_not_share_says_so(served: Served) -> None:
    with known(served, "pictures-2", private) as device:
        answer = ask(served, device.name)
    assert (answer.status_code, "does not share" in answer.json()["what"]) == (503, True)


def test_a_device_nobody_knows_is_not_asked(served: Served) -> None:
    assert ask(served, "pictures-nobody").status_code == 404
    assert ask(served, f"pictures-nobody/{FIRST}").status_code == 404


def test_a_device_that_promises_more_than_it_sends_ends_in_a_sentence(served: Served, sharing: SimulatedDevice) -> None:
    sharing.answer = lambda command: Reply(id=command.id, ok=True, data=b"", size_bytes=10)
    assert ask(served, f"{sharing.name}/{FIRST}").status_code == 503
    sharing.answer = lambda command: Reply(id=command.id, ok=True, data=b"x", size_bytes=1 << 40)
    assert ask(served, f"{sharing.name}/{FIRST}").status_code == 503


def test_nobody_answers_for_another_device() -> None:
    sent: list[tuple[str, bytes]] = []

    def publish(topic: str, payload: bytes) -> None:
        sent.append((topic, payload))
        number = json.loads(payload)["id"]
        commands.heard("cam-2", Reply(id=number, ok=False, detail="forged"))
        commands.heard("cam-1", Reply(id=number, ok=True, detail="mine"))
        commands.heard("cam-1", Reply(id="another", ok=False))

    commands = Commands(FLEET, publish)
    assert commands.ask("cam-1", "ping").detail == "mine"
    assert sent[0][0] == f"edgeferry/v1/{FLEET}/cam-1/command"


def test_a_device_that_is_away_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.commanding.PATIENCE_S", 0.05)
    with pytest.raises(LinkError, match="cam-1 did not answer"):
        Commands(FLEET, lambda *_: None).ask("cam-1", "ping")


def test_the_command_fetches_each_picture_once(
    served: Served, sharing: SimulatedDevice, kept: Path, tmp_path: Path
) -> None:
    out = tmp_path / "kept"
    fetch = ("fleet", "pictures", sharing.name, "--out", out, "--server", served[0].url)
    assert "2 fetched (1.0 MB), 0 there already" in edgeferry(*fetch).stdout
    there = {path.name: path.read_bytes() for path in (out / sharing.name).iterdir()}
    assert there == {path.name: path.read_bytes() for path in kept.iterdir()}
    (out / sharing.name / SECOND).unlink()  # as if the power had gone between the two files
    said = json.loads(edgeferry(*fetch, "--json").stdout)
    assert said == {"devices": [{"device": sharing.name, "fetched": 1, "there": 1, "bytes": 1000}]}
    listed = edgeferry("fleet", "pictures", sharing.name, "--list", "--server", served[0].url).stdout
    assert listed.splitlines() == [f"{sharing.name}/{FIRST}", f"{sharing.name}/{SECOND}"]


def test_one_device_that_refuses_does_not_keep_the_others_from_coming(
    served: Served, sharing: SimulatedDevice, tmp_path: Path
) -> None:
    with known(served, "pictures-3", private) as refusing:
        fetch = ("fleet", "pictures", refusing.name, sharing.name, "--out", tmp_path / "kept")
        done = edgeferry(*fetch, "--server", served[0].url, check=False)
    assert done.returncode == LinkError.exit_code
    assert f"{sharing.name}: 2 fetched" in done.stdout
    assert "1 of 2 devices gave no pictures" in done.stderr


def test_more_than_a_page_is_listed(served: Served, sharing: SimulatedDevice, kept: Path) -> None:
    for number in range(NAMES_AT_ONCE):
        (kept / f"2027-{number:04d}.jpg").touch()
    said = edgeferry("fleet", "pictures", sharing.name, "--list", "--json", "--server", served[0].url).stdout
    assert len(json.loads(said)["devices"][0]["pictures"]) == NAMES_AT_ONCE + 2
