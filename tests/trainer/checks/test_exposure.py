"""Pictures that show too little are named once each, by the worst of it; good ones never."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge.frames import Pixels
from edge.pictures import read_picture
from tests.trainer.checks.seen_pictures import findings, listed, photo

KINDS = ("single-colour", "dark", "bright", "low-contrast", "blurred")


def darkened(pixels: Pixels) -> Pixels:
    return (pixels * 0.1).astype(np.uint8)


def brightened(pixels: Pixels) -> Pixels:
    return (245 + pixels * 0.04).astype(np.uint8)


def flattened(pixels: Pixels) -> Pixels:
    return (120 + pixels * 0.07).astype(np.uint8)


def blurred(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), max(pixels.shape) / 60), np.uint8)


def test_each_fault_is_named_and_good_pictures_are_not() -> None:
    good = [listed(f"good {seed}", photo(seed), seed % 2) for seed in range(40)]
    plain = np.full((120, 160, 3), (30, 90, 200), np.uint8)
    bad = {
        "single-colour": plain, "dark": darkened(photo(50)), "bright": brightened(photo(51)),
        "low-contrast": flattened(photo(52)), "blurred": blurred(photo(53)),
    }  # fmt: skip
    found = findings([*good, *(listed(kind, pixels) for kind, pixels in bad.items())])
    assert {kind: found[kind].pictures for kind in KINDS} == {kind: (kind,) for kind in KINDS}
    assert found["dark"].notes[0].startswith("95 % of it darker than ")


def test_photographs_made_bad_are_found_among_real_ones(shared_data: Path) -> None:
    photos = [read_picture(file) for file in sorted((shared_data / "clothing").rglob("*.jpg"))[::2]]
    good = [listed(f"good {number}", each, number % 2) for number, each in enumerate(photos)]
    bad = [
        listed(f"{change.__name__} {number}", change(photos[number]), number % 2)
        for change in (darkened, brightened, flattened, blurred)
        for number in range(1)
    ]
    found = findings([*good, *bad])
    named = {name for kind in KINDS if kind in found for name in found[kind].pictures}
    assert {str(name).split()[0] for name in named} >= {"darkened", "brightened", "flattened", "blurred"}
    assert len([name for name in named if str(name).startswith("good")]) <= 2


def test_a_set_that_is_dark_or_soft_throughout_is_not_all_odd() -> None:
    night = [listed(f"{seed}", (photo(seed) * 0.3).astype(np.uint8), seed % 2) for seed in range(40)]
    assert "dark" not in findings(night)
    soft = [listed(f"{seed}", cv2.GaussianBlur(photo(seed), (0, 0), 0.8), seed % 2) for seed in range(40)]
    assert "blurred" not in findings(soft)
