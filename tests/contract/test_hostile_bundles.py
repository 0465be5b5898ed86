"""Every written attack is refused, for its own reason, in one sentence, and leaves no file behind."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.assignments import checked_assignment
from contract.bundle import SIGNATURE, open_bundle
from contract.errors import BundleError, FerryError
from contract.manifest import RESERVED
from devices.keys import development_verifier
from edge.bundles import check_bundle
from edge.slot import MARKER
from edge.slots import Slots
from tests.contract import hostile_assignments, hostile_containers, hostile_manifests, hostile_signatures
from tests.contract.any_zip import zipped
from tests.contract.attack import Attack
from tests.contract.small_bundle import MODEL, good_bundle, rows_of, small_promise
from tests.edge.tiny_bundle import install as installed

BUNDLES = {
    f"{part}: {name}": attack
    for part, attacks in (
        ("container", hostile_containers.ATTACKS),
        ("manifest", hostile_manifests.ATTACKS),
        ("signature", hostile_signatures.ATTACKS),
    )
    for name, attack in attacks.items()
}
EDGES = (2**31 - 1, 2**31, 2**32 - 1, 2**32)
_LONG_S = 2.0
"""No attack may keep a device busier than this; the slowest takes a twentieth of it."""


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Path]:
    """A device's disk with one good slot; whatever happens, nothing else may lie there afterwards."""
    good = tmp_path / "arrived.bundle"
    good.write_bytes(good_bundle())
    installed(Slots(tmp_path / "state"), good)
    good.unlink()
    before = everything(tmp_path)
    yield tmp_path
    (tmp_path / "arrived.bundle").unlink(missing_ok=True)
    assert everything(tmp_path) == before


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Each path under `folder` with its mode and, for a file, its content."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


def install(file: Path, device: Path) -> None:
    """What the updater does with a file that arrived."""
    installed(Slots(device / "state"), file)


def assert_refused_in_one_sentence(problem: FerryError, attack: Attack) -> None:
    text = str(problem)
    assert type(problem) is attack.error
    assert text.isprintable()
    assert len(text) < 1000
    assert "Traceback" not in text


def test_the_good_bundle_they_are_made_from_is_taken() -> None:
    checked = check_bundle(good_bundle(), development_verifier(), where="good")
    assert checked.manifest.model == MODEL
    assert zipped(rows_of(small_promise())) == good_bundle()


@pytest.mark.parametrize("name", BUNDLES)
def test_a_hostile_bundle_is_refused_for_its_own_reason(name: str, device: Path) -> None:
    attack, file = BUNDLES[name], device / "arrived.bundle"
    file.write_bytes(attack.make())
    began_s = time.process_time()
    with pytest.raises(attack.error, match=attack.words) as refusal:
        install(file, device)
    assert time.process_time() - began_s < _LONG_S
    assert_refused_in_one_sentence(refusal.value, attack)


@pytest.mark.parametrize("name", hostile_assignments.ATTACKS)
def test_a_hostile_assignment_is_refused_for_its_own_reason(name: str) -> None:
    attack, began_s = hostile_assignments.ATTACKS[name], time.process_time()
    fleet, device = hostile_assignments.FLEET, hostile_assignments.DEVICE
    with pytest.raises(attack.error, match=attack.words) as refusal:
        checked_assignment(attack.make(), development_verifier(), fleet=fleet, device=device)
    assert time.process_time() - began_s < _LONG_S
    assert_refused_in_one_sentence(refusal.value, attack)


def test_the_right_assignment_they_are_made_from_is_taken() -> None:
    sent = hostile_assignments.sent()
    assert checked_assignment(sent, development_verifier(), fleet="test", device="cam-1").counter == 7


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("tail", ["zeros", "bundle"])
def test_a_file_at_the_edges_of_32_bits_is_refused_unread(size: int, tail: str, tmp_path: Path) -> None:
    """Sparse on the disk: nobody sends so much, but a stream that reads it would be killed for its memory."""
    end = good_bundle() if tail == "bundle" else b""
    with (tmp_path / "huge.bundle").open("w+b") as stream:
        stream.truncate(size - len(end))
        stream.seek(0, 2)
        stream.write(end)
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(BundleError, match="not a bundle"):
            open_bundle(stream, where="huge")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 10 * 1024


def test_damaged_archives_collected_elsewhere_are_refused(shared_data: Path, device: Path) -> None:
    archives = sorted((shared_data / "corrupt" / "archives").iterdir())
    assert archives
    for archive in archives:
        with pytest.raises(BundleError):
            install(archive, device)


def test_no_member_may_have_a_name_the_bundle_or_its_slot_needs() -> None:
    assert {SIGNATURE, MARKER, "manifest.json"} == RESERVED
