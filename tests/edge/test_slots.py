"""The slots: whole or not there, and one record that is always a valid one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from contract.errors import BundleError, UpdateError
from devices.keys import development_verifier
from edge.bundles import CheckedBundle, read_bundle
from edge.durable import Disk, DiskError
from edge.slot import Slot
from edge.slots import Slots
from tests.edge.tiny_bundle import install as installed
from tests.edge.tiny_bundle import write_bundle

ROOT = Path(__file__).resolve().parents[2]


class Packed(NamedTuple):
    """A bundle's file and what is in it."""

    path: Path
    read: CheckedBundle

    @property
    def digest(self) -> str:
        return self.read.digest


def install(slots: Slots, bundle: Packed) -> Slot:
    return installed(slots, bundle.path)


class PowerCut(BaseException):
    """The device is off: nothing after this moment happens, no tidying up either."""


class DyingDisk(Disk):
    """Works `verbs` times; the next write puts half of its bytes on the disk, and then power is gone."""

    def __init__(self, verbs: int) -> None:
        self._left = verbs

    def _spend(self) -> bool:
        self._left -= 1
        return self._left < 0

    def write(self, path: Path, data: bytes) -> None:
        if self._spend():
            super().write(path, data[: len(data) // 2])
            raise PowerCut
        super().write(path, data)

    def append(self, path: Path, data: bytes) -> None:
        if self._spend():
            super().append(path, data[: len(data) // 2])
            raise PowerCut
        super().append(path, data)

    def make_folder(self, path: Path) -> None:
        if self._spend():
            raise PowerCut
        super().make_folder(path)

    def remove(self, path: Path) -> None:
        if self._spend():
            raise PowerCut
        super().remove(path)

    def sync(self, path: Path) -> None:
        if self._spend():
            raise PowerCut
        super().sync(path)

    def rename(self, source: Path, target: Path) -> None:
        if self._spend():
            raise PowerCut
        super().rename(source, target)


class FullDisk(Disk):
    """Refuses every write."""

    def write(self, path: Path, data: bytes) -> None:
        raise OSError(28, os.strerror(28))


@pytest.fixture
def bundles(tmp_path: Path) -> list[Packed]:
    folder = tmp_path / "bundles"
    folder.mkdir()
    paths = [write_bundle(folder, version, golden="none") for version in (1, 2, 3)]
    return [Packed(path, read_bundle(path, development_verifier())) for path in paths]


def filled(state: Path, bundles: list[Packed]) -> Slots:
    """The first one serving."""
    slots = Slots(state)
    slots.activate(install(slots, bundles[0]).digest)
    return slots


def test_an_installed_bundle_can_be_read_back(tmp_path: Path, bundles: list[Packed]) -> None:
    slot = install(Slots(tmp_path), bundles[0])
    assert slot.manifest == bundles[0].read.manifest
    assert slot.model.read_bytes() == bundles[0].read.model
    assert slot.member("labels.txt") == b"cat\ndog\nowl"
    assert Slots(tmp_path).held() == (bundles[0].digest,)


def test_the_first_bundle_serves_without_probation(tmp_path: Path, bundles: list[Packed]) -> None:
    slots = filled(tmp_path, bundles)
    assert (slots.current, slots.fallback, slots.provisional) == (bundles[0].digest, None, False)


def test_a_new_bundle_is_provisional_until_committed(tmp_path: Path, bundles: list[Packed]) -> None:
    slots = filled(tmp_path, bundles)
    slots.activate(install(slots, bundles[1]).digest)
    again = Slots(tmp_path)
    assert (again.current, again.fallback, again.provisional) == (bundles[1].digest, bundles[0].digest, True)
    again.commit()
    assert not Slots(tmp_path).provisional


def test_going_back_leads_to_the_bundle_before(tmp_path: Path, bundles: list[Packed]) -> None:
    slots = filled(tmp_path, bundles)
    slots.activate(install(slots, bundles[1]).digest)
    assert slots.roll_back() == bundles[0].digest
    assert (Slots(tmp_path).current, Slots(tmp_path).provisional) == (bundles[0].digest, False)
    with pytest.raises(UpdateError, match="no earlier bundle"):
        slots.roll_back()


def test_collecting_keeps_the_current_and_the_fallback(tmp_path: Path, bundles: list[Packed]) -> None:
    slots = filled(tmp_path, bundles)
    install(slots, bundles[2])
    slots.activate(bundles[2].digest)
    slots.collect()
    assert slots.held() == tuple(sorted((bundles[0].digest, bundles[2].digest)))


def test_going_back_brings_the_fallback_of_before_back_too(tmp_path: Path, bundles: list[Packed]) -> None:
    slots = Slots(tmp_path)
    for bundle in bundles[:2]:
        slots.activate(install(slots, bundle).digest, provisional=False)
    slots.activate(install(slots, bundles[2]).digest)
    slots.collect()
    assert len(slots.held()) == 3
    slots.roll_back()
    assert (slots.current, slots.fallback) == (bundles[1].digest, bundles[0].digest)


def test_going_to_the_fallback_and_back_again_keeps_it(tmp_path: Path, bundles: list[Packed]) -> None:
    slots = Slots(tmp_path)
    for bundle in bundles[:2]:
        slots.activate(install(slots, bundle).digest, provisional=False)
    slots.activate(bundles[0].digest)
    slots.roll_back()
    assert (slots.current, slots.fallback, slots.provisional) == (bundles[1].digest, bundles[0].digest, False)


def test_a_committed_bundle_raises_the_floor_and_nothing_lowers_it(tmp_path: Path, bundles: list[Packed]) -> None:
    slots = Slots(tmp_path)
    slots.activate(install(slots, bundles[0]).digest)
    slots.activate(installed(slots, write_bundle(tmp_path, 9, golden="none", security=(3, 2))).digest)
    assert slots.floor == 0
    slots.commit()
    slots.raise_floor(1)
    assert slots.floor == Slots(tmp_path).floor == 2
    slots.roll_back()
    assert Slots(tmp_path).floor == 2


def switch(slots: Slots, bundles: list[Packed]) -> None:
    """Everything a good update does to the slots."""
    install(slots, bundles[2])
    slots.activate(bundles[2].digest)
    slots.commit()


def go_back(slots: Slots, bundles: list[Packed]) -> None:
    """Everything a bad update does to the slots."""
    install(slots, bundles[2])
    slots.activate(bundles[2].digest)
    slots.roll_back()


@pytest.mark.parametrize("update", [switch, go_back])
def test_power_may_go_at_any_write(
    tmp_path: Path, bundles: list[Packed], update: Callable[[Slots, list[Packed]], None]
) -> None:
    verbs = 0
    survived = False
    while not survived:
        state = tmp_path / f"state-{verbs}"
        filled(state, bundles)
        try:
            update(Slots(state, disk=DyingDisk(verbs)), bundles)
            survived = True
        except PowerCut:
            verbs += 1
        after = Slots(state)
        assert after.current in (bundles[0].digest, bundles[2].digest)
        assert not after.provisional or after.fallback == bundles[0].digest
        assert after.slot(after.current).model.read_bytes() == bundles[0].read.model
        assert not list((state / "slots").glob(".staging-*"))
        assert install(after, bundles[2]).digest == bundles[2].digest
    assert verbs > 10


def test_a_process_killed_while_switching_leaves_a_valid_record(tmp_path: Path, bundles: list[Packed]) -> None:
    slots = filled(tmp_path, bundles)
    slots.activate(install(slots, bundles[1]).digest)
    flipper = (
        "from pathlib import Path; from edge.slots import Slots\n"
        f"slots = Slots(Path({str(tmp_path)!r})); print('ready', flush=True)\n"
        f"while True:\n  for digest in {[bundle.digest for bundle in bundles[:2]]!r}: slots.activate(digest)\n"
    )
    seed = random.Random(7)
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", flipper], stdout=subprocess.PIPE, cwd=ROOT)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seed.uniform(0.01, 0.05))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        after = Slots(tmp_path)
        assert {after.current, after.fallback} == {bundle.digest for bundle in bundles[:2]}


def test_a_bundle_that_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, bundles: list[Packed]
) -> None:
    with pytest.raises(DiskError, match="are needed"):
        install(Slots(tmp_path, quota_bytes=100), bundles[0])
    assert list((tmp_path / "slots").iterdir()) == []


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, bundles: list[Packed]) -> None:
    install(filled(tmp_path, bundles), bundles[1])
    full = Slots(tmp_path, disk=FullDisk())
    with pytest.raises(DiskError, match="No space left"):
        install(full, bundles[2])
    with pytest.raises(DiskError, match="No space left"):
        full.activate(bundles[1].digest)
    assert full.current == Slots(tmp_path).current == bundles[0].digest
    assert len(full.held()) == 2


def test_a_member_that_changed_on_the_disk_is_noticed(tmp_path: Path, bundles: list[Packed]) -> None:
    slots = filled(tmp_path, bundles)
    slot = slots.slot(bundles[0].digest)
    labels = slot.folder / "labels.txt"
    labels.write_bytes(labels.read_bytes().upper())
    with pytest.raises(BundleError, match="changed on the disk"):
        slot.member("labels.txt")
    slot.model.write_bytes(b"short")
    with pytest.raises(BundleError, match=r"not whole: model\.onnx"):
        slots.slot(bundles[0].digest)
    assert install(slots, bundles[0]).model.read_bytes() == bundles[0].read.model


def test_a_record_that_cannot_be_read_says_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "slots.json").write_text("{broken")
    with pytest.raises(UpdateError, match=r"cannot be read.*slots\.json.*Delete"):
        Slots(tmp_path)
