"""Readings as charts."""

from __future__ import annotations

from contract.codec import to_json
from fleet import page_charts as charts
from fleet.answers import Reading
from tests.fleet.simulated import reading


def readings(*moments_s: float) -> list[Reading]:
    return [
        Reading.model_validate_json(to_json(reading(n, at_s=at_s, rate=float(n))))
        for n, at_s in enumerate(moments_s, 1)
    ]


def test_each_reading_is_a_point_in_milliseconds() -> None:
    data = charts.rate(readings(1000.0, 1005.0))["series"][0]["data"]
    assert data == [[1_000_000.0, 1.0], [1_005_000.0, 2.0]]


def test_a_pause_is_not_drawn_as_a_line() -> None:
    data = charts.rate(readings(1000.0, 2000.0))["series"][0]["data"]
    assert [value for _, value in data] == [1.0, None, 2.0]


def test_classes_are_stacked_and_a_class_not_seen_counts_nothing() -> None:
    first, second = readings(1000.0, 1005.0)
    unlike = second.model_copy(update={"classes": {"cat": 5}})
    series = {line["name"]: line for line in charts.classes([first, unlike])["series"]}
    assert set(series) == {"3", "7", "9", "cat"}
    assert [value for _, value in series["cat"]["data"]] == [0.0, 5.0]
    assert all(line["stack"] == "all" for line in series.values())


def test_latency_shows_three_percentiles_and_no_readings_show_nothing() -> None:
    assert [line["name"] for line in charts.latency(readings(1.0))["series"]] == ["p50", "p95", "p99"]
    assert charts.latency([])["series"][0]["data"] == []
