"""Near copies are told apart by what they do, and photographs that are no copies are left in peace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.frames import Pixels
from edge.pictures import read_picture
from tests.trainer.checks.seen_pictures import findings, listed, photo


def recompressed(pixels: Pixels) -> Pixels:
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 60])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def smaller(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=0.9, fy=0.9, interpolation=cv2.INTER_AREA), np.uint8)


def brighter(pixels: Pixels) -> Pixels:
    return np.asarray(np.clip(pixels * 1.1, 0, 255), np.uint8)


def cropped(pixels: Pixels) -> Pixels:
    return pixels[2:-2, 2:-2].copy()


@pytest.mark.parametrize("change", [np.copy, recompressed, smaller, brighter, cropped])
@pytest.mark.parametrize("folder", ["clothing", "bccd/JPEGImages"])
def test_planted_copies_across_splits_are_found_without_false_ones(
    shared_data: Path, folder: str, change: Callable[[Pixels], Pixels]
) -> None:
    files = sorted((shared_data / folder).rglob("*.jpg"))[::3][:58]
    photos = [read_picture(file) for file in files]
    train = [listed(f"train/{number}", each, number % 2, "train") for number, each in enumerate(photos)]
    test = [listed(f"test/{number}", change(photos[number]), number % 2, "test") for number in range(20)]
    found = findings([*train, *test])
    kind = "duplicates-across-splits" if change is np.copy else "near-duplicates-across-splits"
    assert set(found[kind].pictures) == {(f"train/{number}", f"test/{number}") for number in range(20)}
    assert found[kind].severity == "error"
    assert "near-duplicates" not in found


def test_near_copies_are_reported_once_under_the_worst_thing_about_them() -> None:
    first, second, third = photo(1), photo(2), photo(3)
    found = findings(
        [
            *(listed(f"train/{seed}", photo(seed), seed % 2, "train") for seed in range(10, 40)),
            listed("train/a", first, 0, "train"),
            listed("train/a again", recompressed(first), 0, "train"),
            listed("train/b", second, 0, "train"),
            listed("train/b other label", brighter(second), 1, "train"),
            listed("train/c", third, 0, "train"),
            listed("test/c other label", smaller(third), 1, "test"),
        ]
    )
    assert found["near-duplicates"].pictures == (("train/a", "train/a again"),)
    assert found["near-duplicates-across-labels"].pictures == (("train/b", "train/b other label"),)
    assert found["near-duplicates-across-labels"].severity == "warning"
    assert found["near-duplicates-across-splits"].examples == ("train/c ~ test/c other label",)


def test_a_series_is_one_group_and_not_all_its_pairs() -> None:
    shown = photo(5)
    series = [listed(f"{number}", np.clip(shown.astype(int) + 4 * number, 0, 255).astype(np.uint8))
              for number in range(4)]  # fmt: skip
    others = [listed(f"other {seed}", photo(seed), 1) for seed in range(10, 40)]
    assert findings([*series, *others])["near-duplicates"].pictures == (("0", "1", "2", "3"),)
