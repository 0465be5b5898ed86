"""Every planted defect is refused, by the check that is meant to find it."""

from __future__ import annotations

import pytest

from tests.converters.defects.conversion import converted, refusal
from tests.converters.defects.planted import DEFECTS, RELU6, bright, tiny


def test_what_the_defects_are_planted_in_is_good() -> None:
    floats = converted(recipe="onnx-float32", shape=RELU6)
    for good in (tiny(), bright(), converted(), converted("detect"), floats, converted("regress", "onnx-float32")):
        assert refusal(good) is None


def test_there_are_enough() -> None:
    assert len(DEFECTS) >= 40


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_refused(name: str) -> None:
    spoil, error, words = DEFECTS[name]
    with pytest.raises(error, match=words):
        spoil()
