"""Near copies are found, pictures that merely look alike are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.frames import Pixels
from edge.pictures import read_picture
from trainer.data.digits import digits_origin
from trainer.data.fingerprint import Look, fingerprint, look, near_copies, near_pairs


def jpeg(pixels: Pixels) -> Pixels:
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 40])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def half_as_large(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)


def brighter(pixels: Pixels) -> Pixels:
    return np.asarray(np.clip(pixels * 1.1, 0, 255), np.uint8)


def darker(pixels: Pixels) -> Pixels:
    return (pixels * 0.9).astype(np.uint8)


def moved(pixels: Pixels) -> Pixels:
    return np.asarray(np.pad(pixels, ((2, 0), (2, 0), (0, 0)), mode="edge")[:-2, :-2])


CHANGES = (jpeg, half_as_large, brighter, darker, moved)


@pytest.fixture(scope="module")
def cells(shared_data: Path) -> list[Pixels]:
    return [read_picture(file) for file in sorted((shared_data / "bccd" / "JPEGImages").glob("*.jpg"))[:120]]


def drawn(seed: int, size: int = 128) -> Pixels:
    """Soft blobs: no two seeds look alike."""
    noise = np.random.default_rng(seed).integers(0, 255, (6, 6, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=60), st.integers(0, 64))
def test_near_pairs_are_exactly_those_of_counting_bits(fingerprints: list[int], most_bits: int) -> None:
    wanted = [
        [i, j]
        for i in range(len(fingerprints))
        for j in range(i + 1, len(fingerprints))
        if (fingerprints[i] ^ fingerprints[j]).bit_count() <= most_bits
    ]
    assert near_pairs(fingerprints, most_bits).tolist() == wanted


def test_pairs_are_found_across_blocks_and_once() -> None:
    many = [int(value) for value in np.random.default_rng(0).integers(0, 2**63, 3000)]
    many[2900] = many[3] ^ 0b111
    assert near_pairs(many, 3).tolist() == [[3, 2900]]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_of_a_drawn_picture_is_found_among_others(change: Callable[[Pixels], Pixels]) -> None:
    looks = [look(drawn(seed)) for seed in range(40)]
    assert near_copies([*looks, look(change(drawn(7)))]).tolist() == [[7, 40]]


@pytest.mark.parametrize("change", CHANGES)
def test_every_changed_blood_cell_picture_is_found(change: Callable[[Pixels], Pixels], cells: list[Pixels]) -> None:
    count = len(cells)
    pairs = near_copies([look(pixels) for pixels in (*cells, *map(change, cells))]).tolist()
    assert [[i, i + count] for i in range(count) if [i, i + count] not in pairs] == []


def test_of_66066_pairs_of_blood_cell_pictures_one_is_the_same_field_twice(shared_data: Path) -> None:
    files = sorted((shared_data / "bccd" / "JPEGImages").glob("*.jpg"))
    pairs = near_copies([look(read_picture(file)) for file in files])
    assert [[files[i].stem, files[j].stem] for i, j in pairs] == [["BloodImage_00037", "BloodImage_00038"]]


def test_no_two_clothing_photographs_are_near_copies(shared_data: Path) -> None:
    files = sorted((shared_data / "clothing").rglob("*.jpg"))
    assert len(files) == 175
    assert near_copies([look(read_picture(file)) for file in files]).size == 0


def test_the_digits_are_too_small_to_be_compared_and_do_not_clump() -> None:
    looks = [look(picture.read()) for picture in digits_origin().pictures]
    assert not any(seen.comparable for seen in looks)
    assert near_copies(looks).size == 0


def test_pictures_of_one_fixed_scene_are_told_apart_by_what_moves_in_it() -> None:
    scene = drawn(1, 200)
    looks: list[Look] = []
    for number in range(60):
        seen = scene.copy()
        cv2.circle(seen, (20 + 37 * number % 160, 20 + 53 * number % 160), 14, (255, 255, 255), -1)
        looks.append(look(seen))
    assert len(near_pairs([seen.fingerprint for seen in looks])) > 500
    assert near_copies([*looks, look(jpeg(seen))]).tolist() == [[59, 60]]


def test_one_shape_in_two_colours_is_two_pictures() -> None:
    red, green = np.zeros((96, 96, 3), np.uint8), np.zeros((96, 96, 3), np.uint8)
    cv2.circle(red, (40, 50), 20, (0, 0, 200), -1)
    cv2.circle(green, (40, 50), 20, (0, 200, 0), -1)
    assert near_copies([look(red), look(green)]).size == 0
    assert near_copies([look(red), look(jpeg(red))]).tolist() == [[0, 1]]


def test_uniform_pictures_and_no_pictures_are_no_copies() -> None:
    grey = [look(np.full((64, 64, 3), shade, np.uint8)) for shade in (0, 128, 255)]
    assert near_copies(grey).size == 0
    assert near_copies([]).shape == (0, 2)
    assert fingerprint(np.zeros((64, 64, 3), np.uint8)) == 0
