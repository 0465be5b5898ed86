"""Slices: by what is written about pictures, and by what can be seen in them."""

from __future__ import annotations

import numpy as np
import pytest

from contract.errors import ConfigError
from contract.intervals import share_interval
from tests.trainer.evaluated import listed, pictures
from trainer.measurement.slices import Answered, check_columns, sliced


def answered(truth: np.ndarray, answers: np.ndarray) -> Answered:
    return Answered(truth, answers, np.full(len(truth), 0.8))


def test_a_camera_that_fails_is_found_and_a_small_slice_is_marked() -> None:
    truth = np.zeros(90, np.int64)
    answers = np.where(np.arange(90) < 30, 1, 0)
    of = pictures(truth)
    known = listed(of, {"camera": ["north"] * 40 + ["south"] * 40 + ["roof"] * 10, "name": [str(i) for i in range(90)]})
    found = sliced(of, known, answered(truth, answers), ())
    by_camera = {one.value: one for one in found.slices if one.column == "camera"}
    assert by_camera["north"].accuracy.value == 0.25
    assert (by_camera["north"].accuracy.low, by_camera["north"].accuracy.high) == share_interval(0.25, 40)
    assert by_camera["roof"].small
    assert not by_camera["south"].small
    assert found.worst == "brightness=dark: up to 34%"
    assert found.left_out == ("name",)
    only = sliced(of, known, answered(truth, answers), ("camera",))
    assert [one.value for one in only.slices] == ["north", "south", "roof"]
    assert only.worst == "camera=north"


def test_thirds_come_from_dark_to_bright_and_from_small_to_large() -> None:
    truth = np.zeros(90, np.int64)
    found = sliced(pictures(truth), {}, answered(truth, truth), ())
    assert [(one.column, one.value.split(":")[0], one.pictures) for one in found.slices] == [
        ("brightness", "dark", 30), ("brightness", "middle", 30), ("brightness", "bright", 30),
        ("size", "small", 30), ("size", "middle", 30), ("size", "large", 30),
    ]  # fmt: skip


def test_pictures_nothing_is_written_about_make_a_slice_of_their_own() -> None:
    truth = np.zeros(50, np.int64)
    of = pictures(truth)
    known = listed(of, {"camera": ["a"] * 25 + [""] * 25})
    found = sliced(of, known, answered(truth, truth), ("camera",))
    assert {one.value: one.pictures for one in found.slices} == {"a": 25, "(nothing written)": 25}


def test_macro_f1_of_a_slice_is_over_the_classes_in_it() -> None:
    truth, answers = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])
    of = pictures(truth)
    (one,) = sliced(of, listed(of, {"day": ["monday"] * 4}), answered(truth, answers), ("day",)).slices
    assert one.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)


def test_an_unknown_column_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no column 'site' .*camera"):
        check_columns(("site",), ("camera",), where="train.toml")
    check_columns(("camera", "brightness"), ("camera",), where="")
