"""Charts over time (UTC) as ECharts options: pure, from readings to dictionaries.

One grey serves text and lines in the light and in the dark, so that a chart need not know which it is in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from contract.moments import unix_s
from fleet.answers import Reading
from fleet.page_words import PALETTE, colours

_GREY, _FAINT = "#7d8998", "rgba(128,140,155,.20)"
_LINE = {"type": "line", "showSymbol": False, "connectNulls": False, "lineStyle": {"width": 1.6}}
Points = list[list[float | None]]


def latency(readings: Sequence[Reading]) -> dict[str, Any]:
    """p50, p95 and p99 of the whole way of a frame, in milliseconds."""

    def percentile(name: str) -> Callable[[Reading], float | None]:
        return lambda r: getattr(r.latency_ms["total"], name) if "total" in r.latency_ms else None

    series = [(name, _points(readings, percentile(name))) for name in ("p50", "p95", "p99")]
    return _chart(series, PALETTE[:3], unit="ms")


def rate(readings: Sequence[Reading]) -> dict[str, Any]:
    """Inferred frames a second."""
    return _chart([("frames/s", _points(readings, lambda r: r.frames_per_s))], PALETTE[2:3], filled=True)


def confidence(readings: Sequence[Reading]) -> dict[str, Any]:
    """Mean score of the first answers, 0..1."""
    points = _points(readings, lambda r: r.mean_confidence)
    return _chart([("mean confidence", points)], PALETTE[4:5], most=1.0)


def classes(readings: Sequence[Reading]) -> dict[str, Any]:
    """First answers a window by label, one upon the other."""
    labels = sorted({label for r in readings for label in r.classes})
    palette = colours(labels)
    series = [(label, _points(readings, _counted(label))) for label in labels]
    return _chart(series, [palette[label] for label in labels], filled=True, stacked=True)


def _counted(label: str) -> Callable[[Reading], float | None]:
    return lambda reading: float(reading.classes.get(label, 0))


def _points(readings: Sequence[Reading], value: Callable[[Reading], float | None]) -> Points:
    """[Unix ms, value], with an empty point where readings are missing, so that a pause is not drawn as a line."""
    points: Points = []
    before: float | None = None
    for reading in readings:
        at = unix_s(reading.at)
        if before is not None and at - before > 10 * max(reading.window_s, 1.0):
            points.append([(before + 0.001) * 1000, None])
        found = value(reading)
        points.append([at * 1000, None if found is None else round(found, 3)])
        before = at
    return points


def _chart(
    series: Sequence[tuple[str, Points]],
    palette: Sequence[str],
    *,
    unit: str = "",
    most: float | None = None,
    filled: bool = False,
    stacked: bool = False,
) -> dict[str, Any]:
    extra: dict[str, Any] = {"areaStyle": {"opacity": 0.75 if stacked else 0.15}} if filled else {}
    if stacked:
        extra |= {"stack": "all", "lineStyle": {"width": 0}}
    return {
        "animation": False,
        "useUTC": True,
        "color": list(palette),
        "grid": {"left": 46, "right": 12, "top": 30 if len(series) > 1 else 12, "bottom": 24},
        "legend": {"show": len(series) > 1, "type": "scroll", "top": 0, "left": 0, "icon": "roundRect",
                   "itemWidth": 10, "itemHeight": 10, "textStyle": {"color": _GREY}},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {"type": "time", "axisLine": {"lineStyle": {"color": _FAINT}}, "splitLine": {"show": False},
                  "axisLabel": {"color": _GREY, "hideOverlap": True}},
        "yAxis": {"type": "value", "min": 0, "max": most, "splitNumber": 3, "interval": most and most / 4, "name": "",
                  "axisLabel": {"color": _GREY, "formatter": "{value}" + (f" {unit}" if unit else "")},
                  "splitLine": {"lineStyle": {"color": _FAINT}}},
        "series": [{**_LINE, **extra, "name": name, "data": points} for name, points in series],
    }  # fmt: skip
