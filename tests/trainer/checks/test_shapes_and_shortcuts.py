"""Odd sizes, odd shapes, grey among coloured, and labels that such things give away."""

from __future__ import annotations

import cv2
import numpy as np

from edge.frames import Pixels
from tests.trainer.checks.seen_pictures import findings, listed, photo


def greyed(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def test_other_sizes_and_strips_are_named() -> None:
    usual = [listed(f"{seed}", photo(seed), seed % 2) for seed in range(40)]
    found = findings(
        [*usual, listed("small", photo(50, size_wh=(36, 33))), listed("strip", photo(51, size_wh=(400, 48)))]
    )
    assert found["odd-sizes"].pictures == ("small", "strip")
    assert found["odd-sizes"].notes == ("36x33", "400x48")
    assert found["odd-shapes"].pictures == ("strip",)
    assert not {"odd-sizes", "odd-shapes"} & set(findings(usual))


def test_a_mixture_of_grey_and_colour_names_the_fewer() -> None:
    mixed = [
        listed(f"{seed}", greyed(photo(seed)) if seed % 4 == 0 else photo(seed), seed // 8 % 2) for seed in range(48)
    ]
    finding = findings(mixed)["grey-and-colour"]
    assert finding.count == 12
    assert finding.what == "grey pictures among 36 coloured ones"
    assert "label-from-metadata" not in findings(mixed)


def test_a_label_that_size_colour_or_a_column_gives_away_is_named() -> None:
    sized = [
        listed(f"{seed}", photo(seed, size_wh=(160, 120) if seed % 2 else (128, 128)), seed % 2) for seed in range(40)
    ]
    assert "size 128x128: 20 of 20 'cat', 0 of 20 others" in findings(sized)["label-from-metadata"].examples
    grey = [listed(f"{seed}", photo(seed) if seed % 2 else greyed(photo(seed)), seed % 2) for seed in range(40)]
    assert "colour grey: 20 of 20 'cat', 0 of 20 others" in findings(grey)["label-from-metadata"].examples
    columns = [
        listed(f"{seed}", photo(seed), seed % 2, columns={"camera": f"{seed % 2}{seed % 3}"}) for seed in range(48)
    ]
    assert findings(columns)["label-from-metadata"].examples == (
        "column camera alone tells 100% of what the commonest label does not",
    )
    unique = [listed(f"{seed}", photo(seed), seed % 2, columns={"serial": f"{seed}"}) for seed in range(48)]
    assert "label-from-metadata" not in findings(unique)
