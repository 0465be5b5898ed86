"""Whether a file is vouched for: an honest repository, every thief we could think of, and clocks that are wrong."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, MetaFile, Root

from contract.errors import ConfigError
from contract.moments import unix_s
from edge.clock import FleetClock
from edge.deadline import Deadline, DeadlineError, StoppingError
from edge.durable import Disk
from edge.metadata import MOST_FILES, ExpiredError, MetadataError, Repository, Vouch
from tests.edge.file_server import FileServer
from tests.edge.tuf_repository import DAY_S, LIFE_S, MAY, TufRepository, new_key

HEX = "5a" * 32
FILE = f"{HEX}.bundle"
OTHER = "c3" * 32


class Device:
    """A state folder, a wall clock that can be set, and a pinned root."""

    def __init__(self, state: Path, root: Path, *, wall_s: float = MAY + 60.0) -> None:
        self.state, self.root, self.wall_s = state, root, wall_s
        state.mkdir(exist_ok=True)
        self.spent: list[int] = []
        self.restart()

    def restart(self) -> None:
        self.clock = FleetClock(self.state, Disk(), system=lambda: self.wall_s, monotonic=lambda: 0.0)

    def vouch(self, where: str | Path, file_name: str = FILE, *, issued_s: float = 0.0) -> Vouch:
        repository = Repository(self.root, self.state, self.clock, Disk())
        return repository.vouch(
            file_name, where, deadline=in_five_minutes(), spend=self.spent.append, issued_s=issued_s
        )


def in_five_minutes(stop: threading.Event | None = None) -> Deadline:
    return Deadline(time.time() + 300.0, stop or threading.Event())


class World(NamedTuple):
    """A repository somebody has got at, and a device that has seen it in good order."""

    repository: TufRepository
    device: Device
    stranger: TufRepository
    """Valid in itself, but not the device's."""
    first_timestamp: bytes
    """Of the first publication."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two publications, the second of which the device has accepted."""
    folder = tmp_path_factory.mktemp("prepared")
    repository, stranger = TufRepository(folder / "served"), TufRepository(folder / "strange")
    for made in (repository, stranger):
        made.add(FILE)
        made.publish()
    first_timestamp = repository.path("timestamp").read_bytes()
    repository.at_s += 60.0
    repository.publish()
    device = Device(folder / "state", repository.pinned, wall_s=MAY + 120.0)
    device.vouch(repository.folder)
    return World(repository, device, stranger, first_timestamp)


@pytest.fixture
def world(prepared: World, tmp_path: Path) -> World:
    """A copy to be spoilt."""
    shutil.copytree(prepared.device.state, tmp_path / "state")
    return World(
        prepared.repository.copy_to(tmp_path / "served"),
        Device(tmp_path / "state", prepared.device.root, wall_s=prepared.device.wall_s),
        prepared.stranger,
        prepared.first_timestamp,
    )


# What an honest repository is good for


def test_a_file_is_vouched_for_over_http(world: World) -> None:
    world.repository.targets.unrecognized_fields["x-edgeferry"] = {
        "security_floor": 7,
        "revoked": [f"sha256:{OTHER}"],
        "of a later version": True,
    }
    world.repository.add(FILE, size_bytes=4321)
    world.repository.publish()
    with FileServer(world.repository.folder) as server:
        vouch = world.device.vouch(f"{server.url}/")
    assert vouch == Vouch(
        size_bytes=4321,
        security_floor=7,
        revoked=frozenset({f"sha256:{OTHER}"}),
        signed_until=MAY + 60.0 + LIFE_S["timestamp"],
    )
    assert [path for path, _ in server.asked] == [
        "/2.root.json",
        "/timestamp.json",
        "/4.snapshot.json",
        "/4.targets.json",
    ]
    served = ("timestamp.json", "4.snapshot.json", "4.targets.json")
    assert sum(world.device.spent) == sum((world.repository.folder / name).stat().st_size for name in served)


@pytest.mark.parametrize("consistent", [True, False])
def test_a_stick_is_as_good_as_a_server(tmp_path: Path, consistent: bool) -> None:
    repository = TufRepository(tmp_path / "stick of the plant", consistent=consistent)
    repository.add(f"{HEX}.delta", size_bytes=5)
    repository.publish()
    device = Device(tmp_path / "state", repository.pinned)
    assert device.vouch(repository.folder, f"{HEX}.delta").size_bytes == 5
    assert device.vouch(repository.folder.as_uri(), f"{HEX}.delta").size_bytes == 5


def test_what_is_known_already_is_not_fetched_again(world: World) -> None:
    with FileServer(world.repository.folder) as server:
        world.device.vouch(server.url)
    assert [path for path, _ in server.asked] == ["/2.root.json", "/timestamp.json"]


def test_the_root_is_followed_through_every_change_of_keys(world: World) -> None:
    for role in ("root", "targets", "timestamp", "root", "snapshot"):
        world.repository.replace_key(role)
    world.repository.publish()
    assert world.device.vouch(world.repository.folder).size_bytes == 1000
    kept = {path.name for path in (world.device.state / "metadata").iterdir()}
    assert {f"{version}.root.json" for version in range(1, 7)} <= kept


# Attacks: each is something a thief does to a repository the device knows. None may be accepted.


class Attack(NamedTuple):
    name: str
    do: Callable[[World], None]
    words: str
    """What the device says about it."""
    heals: bool = True
    """Whether an honest publication is accepted afterwards; no if the thief has the root's own keys."""


def roll_back_timestamp(world: World) -> None:
    world.repository.path("timestamp").write_bytes(world.first_timestamp)


def roll_back_snapshot(world: World) -> None:
    world.repository.snapshot.version -= 1
    world.repository.write_timestamp()
    world.repository.snapshot.version += 1


def roll_back_targets(world: World) -> None:
    world.repository.targets.version -= 1
    world.repository.write_snapshot()
    world.repository.targets.version += 1


def forget_targets(world: World) -> None:
    world.repository.snapshot.meta = {"other.json": MetaFile(1)}
    world.repository.snapshot.version += 1
    world.repository.write("snapshot")
    world.repository.write_timestamp()


def hold_back(role: str, go_on: Callable[[TufRepository], None]) -> Callable[[World], None]:
    """The role's life is over; `go_on` is what those who have the other keys sign that day."""

    def do(world: World) -> None:
        world.device.wall_s += LIFE_S[role]
        world.repository.at_s += LIFE_S[role]
        go_on(world.repository)

    return do


def sign_nothing(_repository: TufRepository) -> None:
    """The last state, for ever."""


def mix_and_match(role: str) -> Callable[[World], None]:
    """The newest name, with what was under it before."""

    def do(world: World) -> None:
        before = world.repository.path(role)
        world.repository.publish()
        shutil.copy(before, world.repository.path(role))

    return do


def sign_with(role: str, keys_of: str) -> Callable[[World], None]:
    """One role's new document, signed by another role's keys."""

    def do(world: World) -> None:
        publish_signed(world, role, world.repository.keys[keys_of])

    return do


def publish_signed(world: World, role: str, keys: list[CryptoSigner]) -> None:
    mine, world.repository.keys[role] = world.repository.keys[role], keys
    world.repository.publish()
    world.repository.keys[role] = mine


def leave_unsigned(world: World) -> None:
    publish_signed(world, "targets", [])


def miss_the_threshold(world: World) -> None:
    """Two of two must sign the targets; the one stolen key signs twice."""
    second = new_key()
    world.repository.root.add_key(second.public_key, "targets")
    world.repository.root.roles["targets"].threshold = 2
    world.repository.publish_root()
    world.repository.publish()
    world.repository.keys["targets"].append(second)


def use_a_withdrawn_key(role: str) -> Callable[[World], None]:
    def do(world: World) -> None:
        old = world.repository.replace_key(role)
        publish_signed(world, role, [old])

    return do


def swap_the_root_key(world: World) -> None:
    """A next root that its own new keys have signed, and nobody else."""
    served = world.repository.root
    world.repository.root = Root(version=2)
    thief = new_key()
    for role in LIFE_S:
        world.repository.root.add_key(thief.public_key, role)
    world.repository.write("root", [thief])
    world.repository.root = served


def new_root_without_its_new_keys(world: World) -> None:
    old, added = world.repository.keys["root"][0], new_key()
    served = world.repository.root
    world.repository.root = Root.from_dict(served.to_dict())
    world.repository.root.version = 2
    world.repository.root.revoke_key(old.public_key.keyid, "root")
    world.repository.root.add_key(added.public_key, "root")
    world.repository.write("root", [old])
    world.repository.root = served


def root_under(name_version: int, content_version: int) -> Callable[[World], None]:
    """A correctly signed root under another version's name."""

    def do(world: World) -> None:
        repository = world.repository
        version, repository.root.version = repository.root.version, content_version
        path = repository.write("root")
        repository.root.version = version
        shutil.copy(path, repository.folder / f"{name_version}.root.json")

    return do


def thousands_of_roots(world: World) -> None:
    for _ in range(MOST_FILES + 10):
        world.repository.publish_root()
    world.repository.publish()


def wrong_length(world: World) -> None:
    world.repository.publish()
    world.repository.snapshot.meta["targets.json"].length = 100
    world.repository.write("snapshot")
    world.repository.write_timestamp()


def wrong_hash(world: World) -> None:
    world.repository.publish()
    world.repository.timestamp.snapshot_meta.hashes = {"sha256": OTHER}
    world.repository.write("timestamp")


def absurd_length(world: World) -> None:
    """The timestamp's thief announces gigabytes, and serves as much as is taken."""
    world.repository.publish()
    world.repository.path("snapshot").write_bytes(b" " * 5_000_000)
    world.repository.timestamp.snapshot_meta = MetaFile(world.repository.snapshot.version, 10**12)
    world.repository.write("timestamp")


def list_the_file(**changes: str) -> Callable[[World], None]:
    def do(world: World) -> None:
        world.repository.add(FILE, **changes)  # type: ignore[arg-type]
        world.repository.publish()

    return do


def take_off_the_list(world: World) -> None:
    del world.repository.targets.targets[FILE]
    world.repository.publish()


def hash_it_otherwise(world: World) -> None:
    world.repository.targets.targets[FILE].hashes = {"sha512": "ab" * 64}
    world.repository.publish()


def list_it_by_a_delegate(world: World) -> None:
    del world.repository.targets.targets[FILE]
    key = new_key()
    role = DelegatedRole("helper", [key.public_key.keyid], 1, False, paths=["*"])
    world.repository.targets.delegations = Delegations({key.public_key.keyid: key.public_key}, {"helper": role})
    world.repository.publish()


def say_in_targets(policy: object) -> Callable[[World], None]:
    def do(world: World) -> None:
        world.repository.targets.unrecognized_fields["x-edgeferry"] = policy
        world.repository.publish()
        del world.repository.targets.unrecognized_fields["x-edgeferry"]

    return do


def serve_another_repository(world: World) -> None:
    shutil.rmtree(world.repository.folder)
    shutil.copytree(world.stranger.folder, world.repository.folder)


def edit(role: str, old: bytes, new: bytes) -> Callable[[World], None]:
    """Change a new document's bytes after it was signed."""

    def do(world: World) -> None:
        world.repository.publish()
        path = world.repository.path(role)
        assert old in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(old, new, 1))

    return do


def serve(role: str, data: bytes) -> Callable[[World], None]:
    """Something that is no metadata."""

    def do(world: World) -> None:
        world.repository.path(role).write_bytes(data)

    return do


def pass_off_snapshot_as_timestamp(world: World) -> None:
    shutil.copy(world.repository.path("snapshot"), world.repository.path("timestamp"))


def remove(role: str) -> Callable[[World], None]:
    def do(world: World) -> None:
        world.repository.publish()
        world.repository.path(role).unlink()

    return do


def sign_no_moment(world: World) -> None:
    world.repository.publish()
    world.repository.timestamp.unrecognized_fields["x-edgeferry-signed-at"] = ["soon"]
    world.repository.write("timestamp", dated=False)


def sign_beyond_its_own_end(world: World) -> None:
    """A timestamp that says it was signed after the targets' end, to push this device's clock there."""
    world.repository.publish()
    world.repository.at_s += LIFE_S["targets"] + DAY_S
    world.repository.write_timestamp()
    world.repository.at_s = MAY + 60.0


ATTACKS = [
    Attack("timestamp rolled back", roll_back_timestamp, "New timestamp version 2 must be >= 3"),
    Attack("snapshot rolled back", roll_back_snapshot, "New snapshot version must be >= 3, got version 2"),
    Attack("targets rolled back", roll_back_targets, "Expected targets.json version"),
    Attack("targets left out of the snapshot", forget_targets, "New snapshot is missing info for 'targets.json'"),
    Attack("root rolled back", root_under(2, 1), "Expected root version 2 instead got version 1"),
    Attack("root version skipped", root_under(2, 3), "Expected root version 2 instead got version 3"),
    Attack(
        "freeze: everything old", hold_back("timestamp", sign_nothing), "timestamp 3 expired at 2026-05-02T12:01:00"
    ),
    Attack("freeze: old snapshot", hold_back("snapshot", TufRepository.write_timestamp), "snapshot 3 expired"),
    Attack("freeze: old targets", hold_back("targets", TufRepository.write_snapshot), "targets 3 expired"),
    Attack("freeze: old root", hold_back("root", TufRepository.publish), "root 1 expired"),
    Attack("mix and match: another day's snapshot", mix_and_match("snapshot"), "length|hash"),
    Attack("mix and match: another day's targets", mix_and_match("targets"), "length|hash"),
    Attack("targets signed by the snapshot's key", sign_with("targets", "snapshot"), "targets was signed by 0/1 keys"),
    Attack("targets signed by the timestamp's key", sign_with("targets", "timestamp"), "signed by 0/1 keys"),
    Attack("snapshot signed by the timestamp's key", sign_with("snapshot", "timestamp"), "signed by 0/1 keys"),
    Attack("timestamp signed by the snapshot's key", sign_with("timestamp", "snapshot"), "signed by 0/1 keys"),
    Attack("timestamp signed by the targets' key", sign_with("timestamp", "targets"), "signed by 0/1 keys"),
    Attack("targets signed by nobody", leave_unsigned, "targets was signed by 0/1 keys"),
    Attack("threshold not met", miss_the_threshold, "targets was signed by 1/2 keys"),
    Attack("targets key used after it was withdrawn", use_a_withdrawn_key("targets"), "signed by 0/1 keys"),
    Attack("snapshot key used after it was withdrawn", use_a_withdrawn_key("snapshot"), "signed by 0/1 keys"),
    Attack("timestamp key used after it was withdrawn", use_a_withdrawn_key("timestamp"), "signed by 0/1 keys"),
    Attack("root signed by its own new keys alone", swap_the_root_key, "root was signed by 0/1 keys"),
    Attack("root not signed by its new keys", new_root_without_its_new_keys, "root was signed by 0/1 keys"),
    Attack("hundreds of roots", thousands_of_roots, f"leads to over {MOST_FILES} files", heals=False),
    Attack("wrong length in the snapshot", wrong_length, "longer than the 100 bytes"),
    Attack("wrong hash in the timestamp", wrong_hash, "hash"),
    Attack("gigabytes announced", absurd_length, "longer than the 65536 bytes"),
    Attack("the file is not listed", take_off_the_list, "does not name this file"),
    Attack("the file is listed by a delegate", list_it_by_a_delegate, "does not name this file"),
    Attack("the file's name stands for other content", list_the_file(sha256=OTHER), f"another content for it, {OTHER}"),
    Attack("the file has no SHA-256", hash_it_otherwise, "another content for it, without a SHA-256"),
    Attack("the file is withdrawn", say_in_targets({"revoked": [f"sha256:{HEX}"]}), "has withdrawn this file"),
    Attack("a floor below zero", say_in_targets({"security_floor": -1}), "x-edgeferry in targets"),
    Attack("a floor in words", say_in_targets({"security_floor": "none"}), "x-edgeferry in targets"),
    Attack("a withdrawn digest that is none", say_in_targets({"revoked": ["sha256:.*"]}), "x-edgeferry in targets"),
    Attack("another repository's files", serve_another_repository, "signed by 0/1 keys"),
    Attack("targets edited", edit("targets", HEX.encode(), OTHER.encode()), "hash"),
    Attack("timestamp edited", edit("timestamp", b'"version":4', b'"version":9'), "timestamp was signed by 0/1 keys"),
    Attack("timestamp's expiry edited", edit("timestamp", b"2026-05-02", b"2099-05-02"), "signed by 0/1 keys"),
    Attack("timestamp is a snapshot", pass_off_snapshot_as_timestamp, "Expected 'timestamp', got 'snapshot'"),
    Attack("timestamp is empty", serve("timestamp", b""), "deserialize"),
    Attack("timestamp is a login page", serve("timestamp", b"<html>Welcome to our hotel"), "deserialize"),
    Attack("timestamp is nested 8000 deep", serve("timestamp", b"[" * 8000 + b"]" * 8000), "deserialize"),
    Attack("timestamp is one huge number", serve("timestamp", b"9" * 16000), "deserialize"),
    Attack("timestamp is too long", serve("timestamp", b" " * 20_000), "longer than the 16384 bytes"),
    Attack("timestamp says no moment", sign_no_moment, "x-edgeferry-signed-at of timestamp is no moment"),
    Attack("timestamp dated beyond the targets' end", sign_beyond_its_own_end, "targets|snapshot . expired"),
    Attack("no timestamp", remove("timestamp"), "there is no timestamp.json"),
    Attack("no snapshot", remove("snapshot"), "there is no 4.snapshot.json"),
    Attack("no targets", remove("targets"), "there is no 4.targets.json"),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_no_attack_is_accepted_and_none_strands_the_device(world: World, attack: Attack) -> None:
    honest = world.repository.copy_to(world.repository.folder.with_name("honest"))
    attack.do(world)
    with pytest.raises(MetadataError, match=attack.words):
        world.device.vouch(world.repository.folder)
    if attack.heals:
        publish_honestly(honest, world)
        assert world.device.vouch(honest.folder).size_bytes == 1000


def publish_honestly(honest: TufRepository, world: World) -> None:
    """What the owner does when it was found out: go on from the last root that was really theirs, with new versions."""
    if world.repository.root.version > honest.root.version:
        for path in world.repository.folder.glob("*.root.json"):
            shutil.copy(path, honest.folder)
        honest.root, honest.keys = world.repository.root, world.repository.keys
    honest.at_s = world.device.wall_s - 1.0
    honest.publish_root()
    honest.publish(step=10)


# Time


@pytest.mark.parametrize("wall_s", [0.0, MAY - 365 * DAY_S])
def test_a_device_at_1970_is_served_and_learns_the_time(tmp_path: Path, wall_s: float) -> None:
    repository = TufRepository(tmp_path / "served", at_s=MAY - 30 * DAY_S)
    repository.at_s = MAY
    repository.add(FILE)
    repository.publish()
    device = Device(tmp_path / "state", repository.pinned, wall_s=wall_s)
    assert device.vouch(repository.folder).size_bytes == 1000
    assert (device.clock.now(), device.clock.behind) == (MAY, True)
    device.restart()
    assert device.clock.now() == MAY


def test_a_new_device_at_1970_refuses_what_had_expired_before_its_root_was_signed(tmp_path: Path) -> None:
    repository = TufRepository(tmp_path / "served", at_s=MAY)
    repository.at_s = MAY - 30 * DAY_S
    repository.add(FILE)
    repository.publish()
    device = Device(tmp_path / "state", repository.pinned, wall_s=0.0)
    with pytest.raises(
        ExpiredError, match=r"timestamp 2 expired at 2026-04-02.*it is 2026-05-01T12:00:00.000Z or later"
    ):
        device.vouch(repository.folder)


def test_old_metadata_is_refused_at_1970_once_the_time_was_learnt(world: World) -> None:
    device = world.device
    world.repository.at_s += 3 * DAY_S
    device.wall_s = world.repository.at_s
    frozen = world.repository.copy_to(world.repository.folder.with_name("frozen"))
    world.repository.publish()
    device.vouch(world.repository.folder)
    shutil.rmtree(device.state / "metadata")
    device.wall_s = 0.0
    device.restart()
    with pytest.raises(
        ExpiredError, match=r"timestamp 3 expired at 2026-05-02.*clock shows 1970-01-01.* at least 2026-05-04"
    ):
        device.vouch(frozen.folder)
    assert device.vouch(world.repository.folder)


def test_metadata_that_had_expired_when_the_assignment_was_signed_is_refused(world: World) -> None:
    world.device.wall_s = 0.0
    with pytest.raises(ExpiredError, match=r"it is 2026-05-04T12:00:00.000Z or later"):
        world.device.vouch(world.repository.folder, issued_s=MAY + 3 * DAY_S)
    assert world.device.vouch(world.repository.folder, issued_s=MAY + 3600.0)
    assert world.device.clock.now() == MAY + 3600.0


def test_a_device_in_2099_refuses_in_words_and_heals_with_its_clock(world: World) -> None:
    world.device.wall_s = unix_s("2099-01-01T00:00:00Z")
    with pytest.raises(ExpiredError, match=r"expired at .* this device's clock shows 2099-01-01"):
        world.device.vouch(world.repository.folder)
    world.device.wall_s = MAY + 180.0
    assert world.device.vouch(world.repository.folder)


def test_a_thief_of_the_timestamp_key_moves_time_no_further_than_the_offline_keys_allow(world: World) -> None:
    world.device.wall_s = 0.0
    run_ahead(world.repository, days=89)
    world.device.vouch(world.repository.folder)
    assert world.device.clock.now() == MAY + 60.0 + 89 * DAY_S


def test_time_comes_back_when_the_stolen_key_is_withdrawn(world: World) -> None:
    """The device believes July, and nothing signed in May would be accepted; the new root says May."""
    world.device.wall_s = 0.0
    run_ahead(world.repository, days=89)
    world.device.vouch(world.repository.folder)
    world.repository.publish()
    with pytest.raises(ExpiredError):
        world.device.vouch(world.repository.folder)
    world.repository.replace_key("timestamp")
    world.repository.replace_key("snapshot")
    world.repository.publish(step=10)
    assert world.device.vouch(world.repository.folder).size_bytes == 1000
    assert world.device.clock.now() == MAY + 60.0


def run_ahead(repository: TufRepository, *, days: int) -> None:
    """What a thief of both online keys signs: the true targets, on a day far ahead."""
    repository.at_s += days * DAY_S
    repository.write_snapshot()
    repository.at_s -= days * DAY_S


def test_a_repository_that_does_not_say_when_it_signed_is_served_too(tmp_path: Path) -> None:
    repository = TufRepository(tmp_path / "served")
    repository.add(FILE)
    repository.publish()
    for role in ("root", "targets", "snapshot", "timestamp"):
        del repository.document(role).unrecognized_fields["x-edgeferry-signed-at"]
    repository.write("root", dated=False)
    repository.write("targets", dated=False)
    repository.snapshot.meta = {"targets.json": repository.meta_of("targets")}
    repository.write("snapshot", dated=False)
    repository.timestamp.snapshot_meta = repository.meta_of("snapshot")
    repository.write("timestamp", dated=False)
    device = Device(tmp_path / "state", repository.pinned)
    assert device.vouch(repository.folder)
    device.wall_s = 0.0
    assert device.clock.now() == 0.0


# Whoever calls


@pytest.mark.parametrize(
    "name", ["", "a.bundle", f"{HEX}.zip", f"../{HEX}.bundle", f"{HEX}.bundle\n", HEX.upper() + ".delta"]
)
def test_a_file_is_asked_for_by_its_digest(world: World, name: str) -> None:
    with pytest.raises(MetadataError, match="is called so"):
        world.device.vouch(world.repository.folder, name)


def test_a_root_that_is_none_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_text("{}")
    for path in (tmp_path / "root.json", tmp_path / "absent.json"):
        with pytest.raises(ConfigError, match="no root of an update repository"):
            Device(tmp_path / "state", path).vouch(tmp_path)


def test_a_pinned_root_with_a_wrong_signature_is_refused(world: World, tmp_path: Path) -> None:
    pinned = tmp_path / "root.json"
    pinned.write_bytes(world.device.root.read_bytes().replace(b'"version":1', b'"version":2'))
    with pytest.raises(MetadataError, match="root was signed by 0/1 keys"):
        Device(tmp_path / "new", pinned).vouch(world.repository.folder)


def test_a_budget_that_is_used_up_ends_it(world: World) -> None:
    class SpentError(Exception):
        """As the agent's own would."""

    def spend(_size: int) -> None:
        raise SpentError

    repository = Repository(world.device.root, world.device.state, world.device.clock, Disk())
    with pytest.raises(SpentError):
        repository.vouch(FILE, world.repository.folder, deadline=in_five_minutes(), spend=spend)


def test_it_ends_with_its_deadline_and_with_the_agent(world: World) -> None:
    repository = Repository(world.device.root, world.device.state, world.device.clock, Disk())
    over, stop = Deadline(0.0, threading.Event()), threading.Event()
    with pytest.raises(DeadlineError):
        repository.vouch(FILE, world.repository.folder, deadline=over, spend=world.device.spent.append)
    stop.set()
    with pytest.raises(StoppingError):
        repository.vouch(FILE, world.repository.folder, deadline=in_five_minutes(stop), spend=world.device.spent.append)
