"""The demo's pictures: honest splits, and the same pictures from the same seed."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from edgeferry.demo.parcels import (
    SIZE_WH,
    SPLITS,
    conveyor,
    draw,
    random_look,
    read_scans,
    scans,
    write_folder,
    write_scans,
)


def test_no_scan_is_in_two_splits() -> None:
    ranges = sorted(SPLITS.values())
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(ranges))
    assert sum(len(scans(split)[1]) for split in ("train", "validation", "test", "camera")) == 1797


def test_equal_seeds_film_equal_parcels() -> None:
    first, second = (list(itertools.islice(conveyor(5, scans("camera")), 8)) for _ in range(2))
    assert all(np.array_equal(a, b) and x == y for (a, x), (b, y) in zip(first, second, strict=True))
    assert first[0][0].shape == (SIZE_WH[1], SIZE_WH[0], 3)


def test_kept_scans_are_the_same_scans(tmp_path: Path) -> None:
    write_scans(tmp_path / "kept.npz")
    assert all(np.array_equal(a, b) for a, b in zip(read_scans(tmp_path / "kept.npz"), scans("camera"), strict=True))


def test_the_belt_carries_the_parcel_on() -> None:
    ink, _ = scans("camera")
    look = random_look(np.random.default_rng(1))
    assert not np.array_equal(draw(ink[0], look), draw(ink[0], look, moved_px=6))


def test_the_other_line_has_the_same_digits_on_other_labels(tmp_path: Path) -> None:
    count = write_folder(tmp_path / "here", seed=3)
    assert count == write_folder(tmp_path / "there", seed=3, other_line=True) == 1550
    here, there = (
        sorted(path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*.jpg"))
        for name in ("here", "there")
    )
    assert here == there
    assert {path.parts[:2] for path in here} == {
        (split, d) for split in ("train", "validation", "test") for d in "0123456789"
    }
    assert (tmp_path / "here" / here[0]).read_bytes() != (tmp_path / "there" / here[0]).read_bytes()
