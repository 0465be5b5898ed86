"""The picture of a conversion: each point labelled, none hidden, and all of it in words too."""

from __future__ import annotations

import random
import re

from converters.scatter import Point, scatter


def chart(points: list[Point], **changes: object) -> str:
    options = {"metric": "accuracy", "source": 0.99, "is_share": True} | changes
    return scatter(points, **options)  # type: ignore[arg-type]


def names(svg: str) -> list[str]:
    return re.findall(r'class="name"[^>]*>([^<]*)<', svg)


def test_larger_is_right_and_better_is_higher() -> None:
    svg = chart([Point("small", 1000, 0.9, None, None, True), Point("large", 9000, 0.8, None, None, True)])
    (x1, y1), (x2, y2) = [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)]
    assert x1 < x2
    assert y1 < y2


def test_equal_artifacts_are_drawn_and_each_has_its_name() -> None:
    svg = chart([Point(f"same-{n}", 4096, 0.98, 0.97, 0.99, True) for n in range(5)])
    assert names(svg) == [f"same-{n}" for n in range(5)]


def test_twenty_four_points_all_get_their_names() -> None:
    random.seed(4)
    points = [
        Point(f"artifact-{n:02}", random.randrange(10**4, 10**7), random.uniform(0.8, 0.99), None, None, True)
        for n in range(24)
    ]
    assert len(names(chart(points))) == 24


def test_a_refused_one_is_told_apart_without_colours() -> None:
    svg = chart([Point("a", 1000, 0.9, 0.8, 0.95, False)])
    assert "<circle" not in svg
    assert 'class="cross"' in svg


def test_everything_is_said_in_words() -> None:
    svg = chart([Point("a & b", 2048, 0.9, 0.8, 0.95, False), Point("c", 4096, 0.95, None, None, True)])
    assert 'aria-label="accuracy against size: a &amp; b: 2.0 KiB, 90.00% (80.0% to 95.0%), refused; c:' in svg
    assert "<title>c: 4.0 KiB, 95.00%, passed</title>" in svg


def test_a_metric_that_is_no_share_and_a_source_nobody_measured() -> None:
    svg = chart([Point("a", 2048, 1.23, None, None, True)], is_share=False, source=None, metric="mean error")
    assert "%" not in svg
    assert "original" not in svg
