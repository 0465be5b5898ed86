"""From keys to a device's question, over HTTP from a whole server: python-tuf's own client asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from tuf.api.exceptions import DownloadHTTPError, ExpiredMetadataError, RepositoryError
from tuf.ngclient import Updater

from contract.digest import digest_of, hex_of
from contract.metadata import POLICY, SIGNED_AT
from contract.moments import unix_s
from devices.keys import load_verifiers
from tests.broker import Broker
from tests.conftest import edgeferry
from tests.fleet.parcel import write_bundle
from tests.fleet.server_process import ServerProcess, eventually
from tests.fleet.simulated import SimulatedDevice
from tests.fleet.trust.office import NOW_S, Office

DAY_S = 86400.0


class Shop:
    """An office whose server runs."""

    def __init__(self, office: Office, broker: Broker) -> None:
        self.office, self.broker = office, broker
        self.start()

    def start(self, key: str = "online") -> None:
        """A new process on the same folders."""
        options = ("--metadata", str(self.office.folder), "--key", str(self.office.key(key)))
        self.server = ServerProcess(self.office.place, self.broker.url, *options)

    def ask(self, *words: str | Path, check: bool = True) -> Any:
        """A command against this server; its JSON, or its complaint where it is to fail."""
        done = edgeferry("fleet", *words, "--server", self.server.url, "--json", check=check)
        return json.loads(done.stdout) if check else done.stderr

    def client(self, folder: str = "device", pinned: bytes | None = None) -> Updater:
        """A device that pins the first root, or only has what it learned before."""
        place = self.office.place / folder
        place.mkdir(exist_ok=True)
        root = pinned or self.office.pinned.read_bytes()
        client = Updater(str(place), f"{self.server.url}/metadata/", bootstrap=root)
        client.refresh()
        return client

    def release(self, version: int, *words: str | Path) -> tuple[str, Path]:
        """Upload a bundle; how it is listed, and its file."""
        path = write_bundle(self.office.place, version=version)
        self.ask("release", path, *words)
        return f"{hex_of(digest_of(path.read_bytes()))}.bundle", path


@pytest.fixture
def shop(office: Office, broker: Broker) -> Iterator[Shop]:
    running = Shop(office, broker)
    yield running
    assert running.server.stop() == 0
    assert "Traceback" not in running.server.words.read_text()


def test_what_is_released_with_the_key_is_vouched_for_and_nothing_else(shop: Shop) -> None:
    key = shop.office.key("targets")
    name, path = shop.release(2, "--targets-key", key)
    info = shop.client().get_targetinfo(name)
    assert info is not None
    assert (info.length, info.hashes) == (path.stat().st_size, {"sha256": name.partition(".")[0]})
    unsigned, later = shop.release(3)
    assert shop.client().get_targetinfo(unsigned) is None
    assert [file["release"] for file in shop.ask("trust", "show")["unvouched"]] == ["digits@3"]
    words = edgeferry("fleet", "release", later, "--server", shop.server.url).stderr
    assert "1 of these are not in the signed list: devices with a pinned root refuse them" in words
    shop.ask("trust", "sign", "--targets-key", key, "--all")
    assert shop.client().get_targetinfo(unsigned) is not None
    assert shop.ask("trust", "show")["unvouched"] == []


def test_floor_and_revocation_reach_the_device(shop: Shop) -> None:
    key = shop.office.key("targets")
    name, _ = shop.release(2, "--targets-key", key)
    digest = "sha256:" + name.partition(".")[0]
    assert shop.ask("trust", "floor", "3", "--targets-key", key)["security_floor"] == 3
    assert "is 3 already" in shop.ask("trust", "floor", "2", "--targets-key", key, check=False)
    assert shop.ask("trust", "revoke", digest, "--targets-key", key)["revoked"] == [digest]
    client = shop.client()
    assert client.get_targetinfo(name) is None
    said = json.loads((shop.office.place / "device" / "targets.json").read_bytes())["signed"]
    assert said[POLICY] == {"security_floor": 3, "revoked": [digest]}
    stamp = json.loads((shop.office.place / "device" / "timestamp.json").read_bytes())["signed"]
    assert unix_s(stamp[SIGNED_AT]) >= NOW_S
    assert "is not a digest" in shop.ask("trust", "revoke", "sha256:12", "--targets-key", key, check=False)


def test_a_server_that_slept_renews_what_expired_at_its_start(office: Office, broker: Broker) -> None:
    asleep = office.notary()
    past_s = NOW_S - 30 * DAY_S
    asleep.published = asleep.published._replace(snapshot=None, timestamp=None)
    asleep.renew(past_s)
    shop = Shop(office, broker)
    shop.client()
    roles = {role["role"]: role for role in shop.ask("trust", "show")["roles"]}
    assert unix_s(roles["timestamp"]["expires"]) > NOW_S
    assert unix_s(roles["snapshot"]["expires"]) > NOW_S + 6 * DAY_S
    assert shop.server.stop() == 0


def test_a_stolen_online_key_and_a_foreign_one_add_nothing(shop: Shop) -> None:
    path = write_bundle(shop.office.place, version=2)
    shop.ask("release", path)
    for thief in ("online", "foreign"):
        refused = shop.ask("trust", "sign", path, "--targets-key", shop.office.key(thief), check=False)
        assert "is not signed by the key you gave" in refused
    office = shop.office
    office.held = {f"{hex_of(digest_of(path.read_bytes()))}.bundle": path.stat().st_size}
    with httpx.Client(base_url=shop.server.url) as http:
        for document, status, said in (
            (office.listed(key="online"), 422, "not signed by a key of root version 1"),
            (office.listed(key="foreign"), 422, "not signed by a key of root version 1"),
            (office.listed({"0" * 64 + ".bundle": 5}), 409, "the repository has no"),
            (office.listed(days=-1), 422, "expired"),
            ((office.folder / "1.targets.json").read_bytes(), 409, "2 is due"),
            (b"nonsense", 422, "not a targets document"),
        ):
            answer = http.post("/api/trust/targets", content=document)
            assert (answer.status_code, said in answer.json()["what"]) == (status, True), answer.text
        assert http.post("/api/trust/root", content=office.rooted("foreign")).status_code == 422
        assert http.post("/api/trust/targets", content=b" " * 5_000_001).status_code == 422
        assert http.post("/api/trust/targets", content=office.listed()).status_code == 200
    assert shop.client().get_targetinfo(next(iter(office.held))) is not None


def test_a_client_that_pinned_the_first_root_follows_five_rotations(shop: Shop) -> None:
    office = shop.office
    name, _ = shop.release(2, "--targets-key", office.key("targets"))
    keys = ["root", "foreign", "root", "foreign", "root", "foreign"]
    for old, new in pairwise(keys):
        words = ("--root-key", office.key(old), "--root-key", office.key(new), "--root", office.public(new))
        shop.ask("trust", "rotate-root", *words)
    answer = shop.ask("trust", "extend", "--root-key", office.key("foreign"), "--root-days", "20")
    root = next(role for role in answer["roles"] if role["role"] == "root")
    assert (root["version"], root["keys"]) == (7, [office.signer("foreign").keyid])
    assert "the root metadata expires in 20 days" in str(shop.server.get("/api/health")["warnings"])
    assert shop.client("newcomer").get_targetinfo(name) is not None
    refused = shop.ask("trust", "extend", "--root-key", office.key("root"), check=False)
    assert "is not signed by the key you gave" in refused


def test_the_targets_key_is_exchanged_without_a_gap(shop: Shop) -> None:
    office = shop.office
    name, _ = shop.release(2, "--targets-key", office.key("targets"))
    root, new = ("--root-key", office.key("root")), ("--targets", office.public("foreign"))
    shop.ask("trust", "rotate-root", *root, "--targets", office.public("targets"), *new)
    assert shop.client().get_targetinfo(name) is not None
    shop.ask("trust", "sign", "--targets-key", office.key("foreign"), "--before", office.public("targets"))
    assert shop.client().get_targetinfo(name) is not None
    shop.ask("trust", "rotate-root", *root, *new)
    assert shop.client().get_targetinfo(name) is not None
    assert "not signed" in shop.ask("trust", "sign", "--targets-key", office.key("targets"), check=False)


def test_a_device_refuses_an_older_state_and_a_foreign_repository(shop: Shop) -> None:
    shop.release(2, "--targets-key", shop.office.key("targets"))
    shop.client()
    older = (shop.office.folder / "timestamp.json").read_bytes()
    shop.ask("trust", "floor", "1", "--targets-key", shop.office.key("targets"))
    shop.client()
    (shop.office.folder / "timestamp.json").write_bytes(older)
    with pytest.raises(RepositoryError):
        shop.client()
    stranger = shop.office.place / "stranger"
    stranger.mkdir()
    with pytest.raises(RepositoryError):
        shop.client("other", Office(stranger).pinned.read_bytes())


def test_expired_metadata_stops_a_device(tmp_path: Path, broker: Broker) -> None:
    office = Office(tmp_path, targets_days=1e-6)
    shop = Shop(office, broker)
    with pytest.raises(ExpiredMetadataError):
        shop.client()
    assert "the targets metadata has expired" in shop.ask("trust", "show")["warnings"][0]
    shop.ask("trust", "sign", "--targets-key", office.key("targets"))
    shop.client()
    assert shop.server.stop() == 0
    assert "the targets metadata has expired" in shop.server.words.read_text()


def test_assignments_say_where_the_metadata_lies(shop: Shop) -> None:
    trusted = load_verifiers([shop.office.public("online")])
    device = SimulatedDevice(shop.broker.port, "cam-1", fleet_key=trusted)
    assert eventually(lambda: "rpi4" in str(shop.server.get("/api/devices")))
    shop.release(2, "--targets-key", shop.office.key("targets"))
    shop.ask("rollout", "create", "digits@2")
    told = device.told()
    assert told.metadata_url == f"{shop.server.url}/metadata/"
    assert abs(unix_s(told.issued_at) + 30 * 60 - unix_s(told.deadline)) < 0.01
    device.stop()


def test_metadata_is_served_so_that_caches_do_no_harm(shop: Shop) -> None:
    with httpx.Client(base_url=f"{shop.server.url}/metadata") as http:
        stamp = http.get("/timestamp.json")
        assert (stamp.headers["cache-control"], stamp.headers["content-type"]) == ("no-cache", "application/json")
        assert http.get("/timestamp.json", headers={"if-none-match": stamp.headers["etag"]}).status_code == 304
        assert "immutable" in http.get("/1.root.json").headers["cache-control"]
        for name in ("2.root.json", "root.json", "01.root.json", "..%2froot.key", ".incoming-1.root.json", ""):
            missing = http.get(f"/{name}")
            assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store"), name
        assert http.put("/timestamp.json", content=b"x").status_code == 404
    text = httpx.get(f"{shop.server.url}/metrics").text
    assert 'edgeferry_metadata_expiry_timestamp_seconds{role="root"} 1' in text


def test_a_server_without_metadata_says_so(served: tuple[ServerProcess, Broker], office: Office) -> None:
    server = served[0]
    assert server.get("/api/trust")["roles"] == []
    assert "No metadata" in edgeferry("fleet", "trust", "show", "--server", server.url).stdout
    refused = edgeferry(
        "fleet", "trust", "sign", "--targets-key", office.key("targets"), "--server", server.url, check=False
    )
    assert (refused.returncode, "keeps no metadata" in refused.stderr) == (2, True)
    assert httpx.post(f"{server.url}/api/trust/targets", content=office.listed()).status_code == 404
    with pytest.raises(DownloadHTTPError):
        Updater(str(office.place), f"{server.url}/metadata/", bootstrap=office.pinned.read_bytes()).refresh()


def test_a_folder_is_begun_and_shown_without_a_server(tmp_path: Path) -> None:
    for name in ("root", "targets", "online"):
        edgeferry("keys", "new", tmp_path / f"{name}.key")
    words = ("--root", tmp_path / "root.key", "--targets", tmp_path / "targets.key", "--out", tmp_path / "metadata")
    online = ("--online", tmp_path / "online.key.pub")
    begun = json.loads(edgeferry("fleet", "trust", "init", *words, *online, "--json").stdout)
    assert Path(begun["root"]).is_file()
    shown = edgeferry("fleet", "trust", "show", tmp_path / "metadata").stdout
    assert "0 files listed, security floor 0, 0 revoked" in shown
    again = edgeferry("fleet", "trust", "init", *words, *online, check=False)
    assert (again.returncode, "there is metadata already" in again.stderr) == (2, True)
    mixed = edgeferry("fleet", "trust", "init", *words[:-1], tmp_path / "b", "--online", words[1], check=False)
    assert "must not be an offline key" in mixed.stderr
