from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decoders.nms import keep_best

NUMBER = st.integers(0, 12)
BOX = st.tuples(NUMBER, NUMBER, NUMBER, NUMBER, st.integers(0, 4), st.integers(0, 2))
"""Corners, score and class, small whole numbers so that boxes meet, touch, repeat and turn inside out."""


def naive(rows: list[tuple[int, ...]], threshold: float, candidates: int, most: int) -> list[int]:
    order = sorted(range(len(rows)), key=lambda index: (-rows[index][4], index))[:candidates]
    kept: list[int] = []
    for index in order:
        if len(kept) < most and all(not same_thing(rows[index], rows[other], threshold) for other in kept):
            kept.append(index)
    return kept


def same_thing(a: tuple[int, ...], b: tuple[int, ...], threshold: float) -> bool:
    width = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    areas = [max(box[2] - box[0], 0) * max(box[3] - box[1], 0) for box in (a, b)]
    shared = width * height
    return a[5] == b[5] and shared > threshold * (sum(areas) - shared)


@given(st.lists(BOX, max_size=40), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(1, 50), st.integers(1, 10))
def test_it_keeps_what_a_loop_over_pairs_keeps(
    rows: list[tuple[int, ...]], threshold: float, candidates: int, most: int
) -> None:
    table = np.array(rows, np.float32).reshape(-1, 6)
    kept = keep_best(
        table[:, :4],
        table[:, 4],
        table[:, 5].astype(int),
        iou_threshold=threshold,
        max_candidates=candidates,
        max_detections=most,
    )
    assert kept.tolist() == naive(rows, threshold, candidates, most)


@pytest.mark.parametrize("most", [3, 60, 1000])
def test_so_it_does_with_many_boxes(most: int) -> None:
    random = np.random.default_rng(most)
    corners = random.integers(0, 60, (700, 2))
    sides = random.integers(1, 30, (700, 2))
    table = np.concatenate((corners, corners + sides, random.integers(0, 9, (700, 2))), axis=1)
    kept = keep_best(table[:, :4].astype(np.float32), table[:, 4], table[:, 5], iou_threshold=0.4, max_detections=most)
    assert kept.tolist() == naive([tuple(row) for row in table.tolist()], 0.4, 1000, most)


def test_boxes_as_large_as_numbers_go_overlap_themselves() -> None:
    huge = np.float32(3e38)
    boxes = np.array([[-huge, -huge, huge, huge]] * 2, np.float32)
    kept = keep_best(boxes, np.array([0.5, 0.9], np.float32), np.zeros(2, int), iou_threshold=0.5)
    assert kept.tolist() == [1]
