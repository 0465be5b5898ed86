"""Points as charts."""

from __future__ import annotations

from fleet.page.charts import Chart, charts_of
from fleet.page.points import Point


def point(at_s: float, **said: object) -> Point:
    return Point(at_s=at_s, span_s=5.0, **{"rate": at_s / 1000, **said})  # type: ignore[arg-type]


def chart(name: str, *shown: Point) -> Chart:
    return next(found for found in charts_of(shown) if found.name == name)


def test_each_point_is_a_row_in_milliseconds() -> None:
    shown = point(1000.0), point(1005.0)
    options = chart("rate", *shown).options(shown)
    assert options["dataset"][0]["source"] == [[1_000_000, 1.0], [1_005_000, 1.005]]
    assert [line["encode"] for line in options["series"]] == [{"x": 0, "y": 1}]


def test_a_pause_is_not_drawn_as_a_line_also_where_the_chart_goes_on() -> None:
    rate = chart("rate", point(1000.0))
    assert [row[1] for row in rate.rows([point(1000.0), point(2000.0)])] == [1.0, None, 2.0]
    assert [row[1] for row in rate.rows([point(2000.0)], before=point(1000.0))] == [None, 2.0]


def test_classes_are_stacked_and_a_class_not_seen_counts_nothing() -> None:
    shown = point(1000.0, classes={"3": 40}), point(1005.0, classes={"cat": 5})
    seen = chart("classes", *shown)
    assert seen.lines == ("3", "cat")
    assert [row[1:] for row in seen.rows(shown)] == [[40.0, 0.0], [0.0, 5.0]]
    assert all(line["stack"] == "all" for line in seen.options(shown)["series"])


def test_drops_have_a_line_for_each_cause_and_none_where_nothing_is_known() -> None:
    shown = point(1.0), point(2.0, drops={"stale": 0.4}), point(3.0, drops={"stopping": 1.0})
    drops = chart("drops", *shown)
    assert drops.lines == ("stale", "stopping")
    assert [row[1:] for row in drops.rows(shown)] == [[None, None], [0.4, 0.0], [0.0, 1.0]]


def test_a_lamp_is_lit_dark_or_unknown() -> None:
    shown = point(1.0, input_changed=True, model_suffering=False), point(2.0)
    assert [row[1:] for row in chart("drift", *shown).rows(shown)] == [[1.0, 0.0], [None, None]]


def test_latency_shows_three_percentiles_and_nothing_is_drawn_of_nothing() -> None:
    assert chart("latency", point(1.0, p50=4.0, p95=6.5, p99=9.0)).lines == ("p50", "p95", "p99")
    assert [found.options([])["dataset"][0]["source"] for found in charts_of([])] == [[]] * 7
