"""A delta carried out on a device: the right bundle, or one sentence and nothing left behind."""

from __future__ import annotations

import errno
import tempfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.delta import REFERENCE_BYTES, SEGMENT_BYTES, DeltaError, Piece
from contract.digest import digest_of
from contract.errors import BundleError, FerryError
from converters.delta import make_delta
from edge.deadline import Deadline, DeadlineError, StoppingError
from edge.delta import apply_delta
from edge.durable import Disk, DiskError
from scripts.benchmarks._delta_memory import extra_bytes
from tests.edge.hand_made_delta import Part, changes, frame, write, write_base
from tests.edge.tiny_bundle import write_bundle

MEMORY_BYTES = 16 * 2**20


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A slot that holds tiny@1, the bundle tiny@2, and the delta between them."""
    folder = tmp_path_factory.mktemp("pair")
    old, new = write_bundle(folder, 1), write_bundle(folder, 2, confidence=0.8)
    make_delta(old, new, folder / "a.delta")
    return unpacked(old, folder / "slot"), new, folder / "a.delta"


def unpacked(bundle: Path, slot: Path) -> Path:
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(slot)
    return slot


def apply(delta: Path, base: Path, out: Path) -> bytes:
    apply_delta(delta, base, out, disk=Disk())
    return out.read_bytes()


def test_a_slot_becomes_the_next_bundle(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    slot, new, delta = pair
    assert apply(delta, slot, tmp_path / "out") == new.read_bytes()


def test_a_bundles_file_serves_as_well(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    old = write_bundle(tmp_path, 1)
    assert apply(pair[2], old, tmp_path / "out") == pair[1].read_bytes()


def test_what_an_earlier_attempt_left_is_overwritten(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"half" * 10_000)
    assert apply(pair[2], pair[0], tmp_path / "out") == pair[1].read_bytes()


def refused(delta: Path, base: Path, folder: Path, error: type[FerryError] = DeltaError) -> str:
    """What is said; nothing may be left."""
    out = folder / "out"
    out.write_bytes(b"from before")
    with pytest.raises(error) as caught:
        apply_delta(delta, base, out, disk=Disk())
    assert not out.exists()
    return caught.value.what


def test_another_base_is_refused(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    slot, new, delta = pair
    assert "this is another one" in refused(delta, unpacked(new, tmp_path / "other"), tmp_path)
    assert "this is another one" in refused(delta, new, tmp_path)
    assert "cannot be read" in refused(delta, tmp_path / "nowhere", tmp_path)
    assert "no delta" in refused(new, slot, tmp_path)
    assert "cannot be read" in refused(tmp_path / "nowhere", slot, tmp_path)
    refused(delta, delta, tmp_path, BundleError)


def test_a_base_that_changed_on_the_disk_is_noticed(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    slot = unpacked(write_bundle(tmp_path, 1), tmp_path / "slot")
    model = slot / "model.onnx"
    good = model.read_bytes()
    model.write_bytes(good[:50] + b"?" + good[51:])
    assert "the delta or the base is damaged" in refused(pair[2], slot, tmp_path)
    model.write_bytes(good + b"?")
    assert "'model.onnx' has" in refused(pair[2], slot, tmp_path)
    model.unlink()
    assert "cannot be read" in refused(pair[2], slot, tmp_path)


def test_no_flipped_bit_leads_anywhere_else(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    slot, new, delta = pair
    good, expected, spoilt, out = delta.read_bytes(), new.read_bytes(), tmp_path / "spoilt", tmp_path / "out"
    for bit in range(len(good) * 8):
        damaged = bytearray(good)
        damaged[bit // 8] ^= 1 << bit % 8
        spoilt.write_bytes(damaged)
        try:
            apply_delta(spoilt, slot, out, disk=Disk())
        except DeltaError:
            assert not out.exists(), bit
        else:
            # Names that only people read, and a base's digest that only machines compare before.
            assert out.read_bytes() == expected, bit
            out.unlink()


def test_no_cut_delta_leaves_anything(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    good = pair[2].read_bytes()
    for size in range(0, len(good), 7):
        (tmp_path / "cut").write_bytes(good[:size])
        refused(tmp_path / "cut", pair[0], tmp_path)
    (tmp_path / "cut").write_bytes(good + b"x")
    refused(tmp_path / "cut", pair[0], tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_the_segments_the_target_comes_out(data: st.DataObject) -> None:
    model = data.draw(st.binary(min_size=20, max_size=400))
    parts, target = [], b""
    for _ in range(data.draw(st.integers(1, 6))):
        part, made = data.draw(st.sampled_from([_copy, _difference, _changes, _patch]))(data, model)
        parts.append(part)
        target += made
    with tempfile.TemporaryDirectory() as scratch:
        base = write_base(Path(scratch, "slot"), model)
        delta = write(Path(scratch, "delta"), model, target, parts)
        assert apply(delta, base, Path(scratch, "out")) == target


def _pieces(data: st.DataObject, model: bytes) -> tuple[tuple[Piece, ...], bytes]:
    pieces = []
    for _ in range(data.draw(st.integers(1, 3))):
        offset = data.draw(st.integers(0, len(model) - 1))
        pieces.append(Piece(0, offset, data.draw(st.integers(1, len(model) - offset))))
    return tuple(pieces), b"".join(model[p.offset : p.offset + p.size_bytes] for p in pieces)


def _copy(data: st.DataObject, model: bytes) -> tuple[Part, bytes]:
    pieces, known = _pieces(data, model)
    return Part("copy", len(known), b"", pieces), known


def _difference(data: st.DataObject, model: bytes) -> tuple[Part, bytes]:
    pieces, known = _pieces(data, model)
    added = data.draw(st.binary(min_size=len(known), max_size=len(known)))
    made = bytes((one + other) % 256 for one, other in zip(known, added, strict=True))
    return Part("difference", len(known), frame(added), pieces), made


def _changes(data: st.DataObject, model: bytes) -> tuple[Part, bytes]:
    pieces, known = _pieces(data, model)
    place, add = data.draw(st.integers(0, min(len(known) - 1, 255))), data.draw(st.integers(0, 255))
    made = known[:place] + bytes([(known[place] + add) % 256]) + known[place + 1 :]
    return Part("changes", len(known), changes(bytes([place]), bytes([add])), pieces), made


def _patch(data: st.DataObject, model: bytes) -> tuple[Part, bytes]:
    made = data.draw(st.binary(min_size=1, max_size=100))
    if data.draw(st.booleans()):
        return Part("patch", len(made), frame(made)), made
    pieces, known = _pieces(data, model)
    return Part("patch", len(made), frame(made, known, level=19), pieces), made


def test_the_wrong_result_is_refused(tmp_path: Path) -> None:
    base = write_base(tmp_path / "slot", b"abc")
    delta = write(tmp_path / "delta", b"abc", b"abd", [Part("copy", 3, b"", (Piece(0, 0, 3),))])
    assert "does not lead to the bundle it promises" in refused(delta, base, tmp_path)


def test_a_hostile_frame_is_refused_with_its_segment(tmp_path: Path) -> None:
    base = write_base(tmp_path / "slot", b"abc")
    delta = write(
        tmp_path / "delta", b"abc", b"", [Part("patch", 3, frame(b"abc")), Part("patch", 9, frame(bytes(2**26)))]
    )
    assert "segment 1: a frame larger than a segment" in refused(delta, base, tmp_path)


class FullDisk(Disk):
    """Has room for so many bytes."""

    def __init__(self, room_bytes: int) -> None:
        self._room_bytes = room_bytes

    def append(self, path: Path, data: bytes) -> None:
        self._room_bytes -= len(data)
        if self._room_bytes < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().append(path, data)


@pytest.mark.parametrize("room_bytes", [0, 4])
def test_a_full_disk_is_said_and_nothing_stays_on_it(tmp_path: Path, room_bytes: int) -> None:
    base, delta = _two_copies(tmp_path)
    with pytest.raises(DiskError, match="No space left on device"):
        apply_delta(delta, base, tmp_path / "out", disk=FullDisk(room_bytes))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    base, delta = _two_copies(tmp_path)
    with pytest.raises(DiskError, match="writing the bundle failed"):
        apply_delta(delta, base, tmp_path / "nowhere" / "out", disk=Disk())


def _two_copies(folder: Path) -> tuple[Path, Path]:
    copy = Part("copy", 3, b"", (Piece(0, 0, 3),))
    return write_base(folder / "slot", b"abc"), write(folder / "delta", b"abc", b"abcabc", [copy, copy])


@pytest.mark.parametrize(("late", "expected"), [(True, DeadlineError), (False, StoppingError)])
def test_it_ends_between_segments_when_time_is_over_or_the_agent_stops(
    tmp_path: Path, late: bool, expected: type[Exception]
) -> None:
    base, delta = _two_copies(tmp_path)
    stop, times = threading.Event(), iter((0.0, 2.0))
    deadline = Deadline(1.0, stop, clock=lambda: next(times) if late else 0.0)
    checks = 0

    def check() -> None:
        nonlocal checks
        checks += 1
        if checks == 2 and not late:
            stop.set()
        deadline.check()

    with pytest.raises(expected):
        apply_delta(delta, base, tmp_path / "out", disk=Disk(), check=check)
    assert checks == 2
    assert not (tmp_path / "out").exists()


class NotingDisk(Disk):
    """Remembers what it was asked, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def write(self, path: Path, data: bytes) -> None:
        self.asked.append("write")
        super().write(path, data)

    def append(self, path: Path, data: bytes) -> None:
        self.asked.append("append")
        super().append(path, data)

    def sync(self, path: Path) -> None:
        self.asked.append("sync")
        super().sync(path)


def test_it_is_on_the_medium_when_it_is_said_to_be(tmp_path: Path) -> None:
    base, delta = _two_copies(tmp_path)
    disk = NotingDisk()
    apply_delta(delta, base, tmp_path / "out", disk=disk)
    assert disk.asked == ["write", "append", "append", "sync"]


def test_a_large_model_needs_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    """60 MiB, every method in turn with all it may ask for; incompressible, which takes most."""
    random = np.random.default_rng(5)
    model = random.bytes(60 * SEGMENT_BYTES)
    parts, target = [], []
    for number in range(60):
        at = number * SEGMENT_BYTES
        known = model[at : at + SEGMENT_BYTES]
        new, beside = random.bytes(SEGMENT_BYTES), (Piece(0, at, SEGMENT_BYTES),)
        difference = (np.frombuffer(new, np.uint8) - np.frombuffer(known, np.uint8)).tobytes()
        around = Piece(0, min(at, len(model) - REFERENCE_BYTES), REFERENCE_BYTES)
        dictionary = model[around.offset : around.offset + REFERENCE_BYTES]
        parts.append(
            (
                Part("copy", SEGMENT_BYTES, b"", beside),
                Part("difference", SEGMENT_BYTES, frame(difference), beside),
                Part(
                    "changes",
                    SEGMENT_BYTES,
                    changes(bytes(SEGMENT_BYTES // 8), difference[: SEGMENT_BYTES // 8]),
                    beside,
                ),
                Part("patch", SEGMENT_BYTES, frame(new, dictionary), (around,)),
                Part("patch", SEGMENT_BYTES, frame(new)),
            )[number % 5]
        )
        edge = SEGMENT_BYTES // 8 if number % 5 == 2 else SEGMENT_BYTES
        target.append(known if number % 5 == 0 else new[:edge] + known[edge:])
    whole = b"".join(target)
    base, delta = write_base(tmp_path / "slot", model), write(tmp_path / "delta", model, whole, parts)
    assert extra_bytes(delta, base, tmp_path / "out") <= MEMORY_BYTES
    assert digest_of((tmp_path / "out").read_bytes()) == digest_of(whole)
