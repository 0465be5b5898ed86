"""What keeps pictures together, from what is written about them and from their pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import DataError
from edge.frames import Pixels
from trainer.data.origin import SPLITS, Listed
from trainer.data.ties import Ties, ties_of
from trainer.settings import DataSettings


def never_read() -> Pixels:
    raise AssertionError("ties follow from the listing")


def listed(number: int, *, group: str | None = None, columns: Mapping[str, str] | None = None) -> Listed:
    return Listed(name=f"{number}.png", label=0, split=None, read=never_read, group=group, columns=columns or {})


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from([None, "a", "b", "c"])), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=20),
)
def test_units_part_nothing_that_is_tied(pictures: list[tuple[int, str | None]], pairs: list[tuple[int, int]]) -> None:
    digests = [f"{number:02}" for number, _ in pictures]
    groups = [group for _, group in pictures]
    near = [(i, j) for i, j in pairs if i < len(digests) and j < len(digests)]
    units = Ties(groups, (), np.array(near, np.int64).reshape(-1, 2)).units(digests, np.arange(len(digests)))
    assert sorted(index for unit in units for index in unit) == list(range(len(digests)))
    of = {index: number for number, unit in enumerate(units) for index in unit}
    assert all(of[i] == of[j] for i, j in near)
    for keys in (digests, groups):
        places = {(key, of[index]) for index, key in enumerate(keys) if key is not None}
        assert len(places) == len({key for key, _ in places})


def test_only_members_are_tied_to_each_other() -> None:
    ties = Ties(("x", "x", None, None), (), np.array([[1, 2]], np.int64))
    assert ties.units(list("abcd"), np.array([0, 2, 3])) == [[0], [2], [3]]
    assert ties.units(list("abcd"), np.arange(4)) == [[0, 1, 2], [3]]
    assert ties.tied(list("abcd")) == 3


def test_the_group_is_a_column_or_what_the_format_says() -> None:
    pictures = [listed(0, group="ann", columns={"camera": "1"}), listed(1, group="bob"), listed(2)]
    assert ties_of(pictures, (), DataSettings(), where="x").groups == ["ann", "bob", None]
    assert ties_of(pictures, (), DataSettings(group_by="camera"), where="x").groups == ["1", None, None]
    assert ties_of(pictures[2:], (), DataSettings(), where="x").groups == ()


def test_a_group_nobody_has_is_refused_with_the_columns_there_are() -> None:
    with pytest.raises(DataError, match="no picture has a person") as refused:
        ties_of([listed(0, columns={"camera": "1"})], (), DataSettings(split_by="group", group_by="person"), where="x")
    assert "camera" in refused.value.fix


def test_times_are_iso_8601_or_seconds() -> None:
    written = ("1970-01-02", "1970-01-01T00:01:00Z", "1970-01-01T02:00:00+02:00", "12.5")
    pictures = [listed(number, columns={"shot": time}) for number, time in enumerate(written)]
    settings = DataSettings(split_by="time", time="shot")
    assert ties_of(pictures, (), settings, where="x").times == [86400.0, 60.0, 0.0, 12.5]


def test_a_missing_and_a_wrong_time_are_named() -> None:
    settings = DataSettings(split_by="time")
    with pytest.raises(DataError, match=r"1 of 2 pictures have no time: 1.png"):
        ties_of([listed(0, columns={"time": "1"}), listed(1)], (), settings, where="x")
    for wrong in ("yesterday", "nan", "inf"):
        with pytest.raises(DataError, match="is no time") as refused:
            ties_of([listed(0, columns={"time": wrong})], (), settings, where="x")
        assert "0.png" in refused.value.where


def test_nothing_is_tied_where_no_split_is_made() -> None:
    pictures = [replace(listed(number, group="ann"), split=split) for number, split in enumerate(SPLITS)]
    assert ties_of(pictures, (), DataSettings(split_by="time"), where="x").groups == ()
    assert ties_of(pictures[:2], (), DataSettings(), where="x").groups == ["ann", "ann"]
