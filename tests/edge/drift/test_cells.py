"""Histograms in which every value has a bin, and labels of which the rare ones share one."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from contract.reference import Histogram, Reference
from edge.drift.cells import BINS, MOST_LABELS, Bins, Labels, histogram


def test_bins_are_about_equally_filled_and_reach_the_ends() -> None:
    values = np.random.default_rng(0).beta(2, 5, 1000)
    made = histogram(values, lowest=0.0, highest=1.0)
    assert (made.edges[0], made.edges[-1]) == (0.0, 1.0)
    assert len(made.counts) == BINS
    assert sum(made.counts) == 1000
    assert max(made.counts) - min(made.counts) <= 2


def test_equal_values_get_a_bin_of_their_own_so_that_others_are_told_apart() -> None:
    made = histogram(np.full(50, 3.0), lowest=0.0, highest=100.0)
    assert made.counts == (0, 50, 0)
    assert [Bins(made).place(value) for value in (2.0, 3.0, 4.0)] == [0, 1, 2]
    assert histogram(np.ones(50), lowest=0.0, highest=1.0).counts == (0, 50)


def test_a_score_a_hair_over_one_is_counted() -> None:
    assert sum(histogram(np.array([0.2, 1.0 + 1e-7]), lowest=0.0, highest=1.0).counts) == 2


def test_a_quantised_score_keeps_its_bin_when_it_is_computed_with_another_rounding() -> None:
    stored = np.random.default_rng(0).integers(200, 256, 500)
    made = histogram((stored.astype(np.float32) * np.float32(1 / 256)), lowest=0.0, highest=1.0)
    again = [Bins(made).place(float(value) * (1 / 256)) for value in stored]
    assert np.bincount(again, minlength=len(made.counts)).tolist() == list(made.counts)


def test_weights_count_a_picture_as_several() -> None:
    made = histogram(np.array([1.0, 2.0]), lowest=0.0, highest=3.0, weights=np.array([1.0, 3.0]))
    assert made.counts == (1, 3)


@pytest.mark.parametrize("value", [-1e9, 0.0, 5.0, 10.0, 1e9])
def test_what_is_not_possible_counts_at_the_nearer_end(value: float) -> None:
    bins = Bins(Histogram(edges=(0.0, 5.0, 10.0), counts=(1, 1)))
    assert bins.place(value) == (0 if value < 5.0 else 1)


def test_rare_labels_unknown_ones_and_no_answer_share_the_last_cell() -> None:
    one = Histogram(edges=(0.0, 1.0), counts=(1000,))
    shares = {f"class {number}": 0.04 if number % 2 else 0.01 for number in range(36)}
    reference = Reference(
        made_with="tflite", pictures=1000, brightness=one, contrast=one, confidence=one, classes=shares
    )
    labels = Labels(reference)
    assert len(labels.known) == MOST_LABELS
    assert labels.known.sum() == 1000
    assert labels.known[labels.place("class 1")] == 40
    assert labels.place("class 34") == labels.place("unknown") == labels.place(None) == MOST_LABELS - 1
    few = Labels(replace(reference, classes={"cat": 0.75}))
    assert few.known.tolist() == [750, 250]
