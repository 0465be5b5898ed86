"""How a bundle's file comes onto a device: real downloads, real deltas, and who must vouch."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from contract.delta import DeltaError
from contract.digest import digest_of, hex_of
from contract.manifest import Digest
from contract.messages import Assignment, DeltaOffer
from contract.metadata import POLICY
from contract.moments import rfc3339
from converters.delta import make_delta
from edge.budget import Budget, BudgetError
from edge.clock import FleetClock
from edge.deadline import Deadline
from edge.download import DownloadError
from edge.durable import Disk
from edge.metadata import MetadataError, Repository
from edge.slots import Slots
from edge.supply import Supply
from tests.edge.file_server import FileServer
from tests.edge.tiny_bundle import install, write_bundle
from tests.edge.tuf_repository import TufRepository

MONTH_BYTES = 1 << 20


class Device:
    """A state folder that holds tiny@1, a server that offers tiny@2, whole and as a delta."""

    def __init__(self, folder: Path, server: FileServer) -> None:
        self.folder, self.server, self.disk = folder, server, Disk()
        self.slots = Slots(folder / "state")
        first, self.second = write_bundle(folder, 1), write_bundle(folder, 2)
        self.base = install(self.slots, first)
        delta = folder / "1-2.delta"
        make_delta(first, self.second, delta)
        self.assignment = Assignment(
            fleet="test",
            device="cam-1",
            counter=1,
            digest=self.serve(self.second),
            name="tiny",
            version=2,
            size_bytes=self.second.stat().st_size,
            url=f"{server.url}/{self.second.name}",
            deadline=rfc3339(time.time() + 60.0),
        )
        self.offer = DeltaOffer(
            base=self.base.digest,
            digest=self.serve(delta),
            size_bytes=delta.stat().st_size,
            url=f"{server.url}/{delta.name}",
        )

    def serve(self, file: Path) -> Digest:
        data = file.read_bytes()
        (self.server.folder / file.name).write_bytes(data)
        return digest_of(data)

    def supply(self, repository: Repository | None = None) -> Supply:
        state = self.folder / "state"
        budget = Budget(state, self.disk, month_bytes=MONTH_BYTES, clock=time.time)
        return Supply(state, self.disk, budget, repository=repository)

    def deadline(self) -> Deadline:
        return Deadline(time.time() + 30.0, threading.Event())

    def fetched(self, assignment: Assignment) -> Path:
        return self.supply().bundle(assignment, self.folder_of, self.deadline())

    def folder_of(self, digest: Digest) -> Path | None:
        return self.base.folder if digest == self.base.digest else None


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    (tmp_path / "served").mkdir()
    with FileServer(tmp_path / "served") as server:
        yield Device(tmp_path, server)


def asked(device: Device) -> set[str]:
    """Names of the files the server was asked for."""
    return {Path(path).name for path, _ in device.server.asked}


def test_the_whole_bundle_is_fetched_where_no_delta_is_offered(device: Device) -> None:
    assert device.fetched(device.assignment).read_bytes() == device.second.read_bytes()


def test_a_delta_is_fetched_instead(device: Device) -> None:
    file = device.fetched(replace(device.assignment, delta=device.offer))
    assert file.read_bytes() == device.second.read_bytes()
    assert asked(device) == {"1-2.delta"}


UNKNOWN = "sha256:" + "7" * 64


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"base": UNKNOWN}, DeltaError),
        ({"url": "ftp://127.0.0.1/1-2.delta"}, DownloadError),
        ({"digest": UNKNOWN}, DownloadError),
    ],
)
def test_a_delta_that_does_not_lead_there_is_no_reason_to_fetch_the_whole(
    device: Device, change: dict[str, str], error: type[Exception]
) -> None:
    ordered = replace(device.assignment, delta=replace(device.offer, **change))
    with pytest.raises(error):
        device.fetched(ordered)
    assert device.second.name not in asked(device)


def test_the_whole_follows_where_the_assignment_says_so(device: Device) -> None:
    ordered = replace(device.assignment, delta=replace(device.offer, base=UNKNOWN), whole_if_delta_fails=True)
    assert device.fetched(ordered).read_bytes() == device.second.read_bytes()


def test_what_would_cost_too_much_is_refused_before_the_first_byte(device: Device) -> None:
    with pytest.raises(BudgetError, match="left of the assignment's budget"):
        device.fetched(replace(device.assignment, budget_bytes=100))
    assert asked(device) == set()


def test_the_budget_is_kept_over_restarts_and_a_delta_fits_where_the_whole_does_not(device: Device) -> None:
    room = device.offer.size_bytes + 17 * 1024
    assert room < device.assignment.size_bytes + 16 * 1024
    ordered = replace(device.assignment, budget_bytes=room)
    with pytest.raises(BudgetError):
        device.fetched(ordered)
    device.fetched(replace(ordered, delta=device.offer))
    with pytest.raises(BudgetError):
        device.fetched(replace(ordered, url=device.assignment.url))


def test_what_other_assignments_left_is_deleted_and_what_is_used_up_too(device: Device) -> None:
    downloads = device.folder / "state" / "downloads"
    downloads.mkdir()
    (downloads / "old.part").write_bytes(b"old")
    device.fetched(device.assignment)
    assert "old.part" not in [path.name for path in downloads.iterdir()]
    device.supply().used_up()
    assert list(downloads.iterdir()) == []


class Vouched(NamedTuple):
    """A supply that pins the root of a repository, and that repository."""

    supply: Supply
    repository: TufRepository


@pytest.fixture
def vouched(device: Device) -> Vouched:
    tuf = TufRepository(device.folder / "metadata", at_s=time.time())
    state = device.folder / "state"
    pinning = Repository(tuf.pinned, state, FleetClock(state, device.disk), device.disk)
    return Vouched(device.supply(pinning), tuf)


def listed(device: Device, size_bytes: int | None = None) -> dict[str, Any]:
    return {
        "file_name": f"{hex_of(device.assignment.digest)}.bundle",
        "size_bytes": device.assignment.size_bytes if size_bytes is None else size_bytes,
    }


def test_without_a_pinned_root_nobody_has_to_vouch(device: Device) -> None:
    assert device.supply().vouched_floor(device.assignment, "", device.deadline()) == 0


def test_a_listed_bundle_is_vouched_for_and_the_floor_told(device: Device, vouched: Vouched) -> None:
    vouched.repository.targets.unrecognized_fields[POLICY] = {"security_floor": 3, "revoked": []}
    vouched.repository.add(**listed(device))
    vouched.repository.publish()
    assert vouched.supply.vouched_floor(device.assignment, vouched.repository.folder, device.deadline()) == 3


def test_a_bundle_of_another_size_than_listed_is_not(device: Device, vouched: Vouched) -> None:
    vouched.repository.add(**listed(device, size_bytes=7))
    vouched.repository.publish()
    with pytest.raises(MetadataError, match="the repository vouches for 7"):
        vouched.supply.vouched_floor(device.assignment, vouched.repository.folder, device.deadline())


def test_an_assignment_without_metadata_is_refused_where_a_root_is_pinned(device: Device, vouched: Vouched) -> None:
    with pytest.raises(MetadataError, match="nothing says where the repository's metadata lies"):
        vouched.supply.vouched_floor(device.assignment, "", device.deadline())
