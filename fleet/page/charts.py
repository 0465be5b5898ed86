"""Charts over time (UTC) as ECharts options: pure, from points to dictionaries.

Each chart has one table of rows `[ms, value, …]`, so that a new point is a row at its end and nothing else travels. One
grey serves text and lines in the light and in the dark: a chart need not know which it is in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleet.page.points import Point, causes_of, labels_of
from fleet.page.words import PALETTE, colours

_GREY, _FAINT = "#7d8998", "rgba(128,140,155,.20)"
Row = list[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: what its lines are called, and how a point becomes a row."""

    name: str
    title: str
    lines: tuple[str, ...]
    values: Callable[[Point], Sequence[float | None]]
    colours: Sequence[str]
    unit: str = ""
    most: float | None = None
    least: float | None = 0
    look: dict[str, Any] = field(default_factory=dict)
    """What all its lines share beyond the usual."""

    def rows(self, shown: Sequence[Point], before: Point | None = None) -> list[Row]:
        """`[ms, value, …]`, with an empty row where points are missing, so that a pause is not drawn as a line."""
        rows: list[Row] = []
        for point in shown:
            if before is not None and point.at_s - before.at_s > 10 * max(point.span_s, 1.0):
                rows.append([(before.at_s + 0.001) * 1000, *(None for _ in self.lines)])
            values = (None if value is None else round(value, 3) for value in self.values(point))
            rows.append([round(point.at_s * 1000), *values])
            before = point
        return rows

    def measured(self, shown: Sequence[Point]) -> bool:
        """Whether any line has a value."""
        return any(value is not None for point in shown for value in self.values(point))

    def options(self, shown: Sequence[Point]) -> dict[str, Any]:
        """All of it."""
        many = len(self.lines) > 1
        axis = {"splitLine": {"lineStyle": {"color": _FAINT}}, "axisLabel": {"color": _GREY}}
        return {
            "animation": False,
            "useUTC": True,
            "color": list(self.colours),
            "grid": {"left": 52, "right": 10, "top": 28 if many else 10, "bottom": 24},
            "legend": {"show": many, "type": "scroll", "top": 0, "left": 0, "icon": "roundRect", "itemWidth": 10,
                       "itemHeight": 10, "textStyle": {"color": _GREY}},
            "tooltip": {"trigger": "axis", "confine": True},
            "xAxis": {"type": "time", "axisLine": {"lineStyle": {"color": _FAINT}}, "splitLine": {"show": False},
                      "axisLabel": {"color": _GREY, "hideOverlap": True}},
            "yAxis": {"type": "value", "min": self.least, "max": self.most, "splitNumber": 3,
                      "scale": self.least is None,
                      "interval": self.most and self.most / 2, **axis,
                      "axisLabel": {"color": _GREY, "formatter": f"{{value}} {self.unit}".strip()}},
            "dataset": [{"source": self.rows(shown)}],
            "series": [
                {"type": "line", "showSymbol": False, "lineStyle": {"width": 1.6}, **self.look, "name": line,
                 "encode": {"x": 0, "y": place}, "dimensions": ["at", *self.lines]}
                for place, line in enumerate(self.lines, 1)
            ],
        }  # fmt: skip


_FILLED = {"areaStyle": {"opacity": 0.15}}
_STACKED = {"areaStyle": {"opacity": 0.75}, "stack": "all", "lineStyle": {"width": 0}}
_LAMP = {"areaStyle": {"opacity": 0.35}, "step": "end", "connectNulls": True}


def charts_of(shown: Sequence[Point]) -> tuple[Chart, ...]:
    """Those of one device; which classes and causes there are decides about their lines."""
    labels, causes = labels_of(shown), causes_of(shown)
    palette = colours(labels)
    return (
        Chart(
            "latency", "Latency of a frame", ("p50", "p95", "p99"), lambda p: (p.p50, p.p95, p.p99), PALETTE[:3], "ms"
        ),
        Chart("rate", "Frames per second", ("frames/s",), lambda p: (p.rate,), PALETTE[2:3], look=_FILLED),
        Chart(
            "drops",
            "Frames dropped per second, by cause",
            tuple(causes),
            lambda p: [(p.drops or {}).get(cause, 0.0) if p.drops is not None else None for cause in causes],
            PALETTE[3:],
            look=_FILLED,
        ),
        Chart(
            "temperature", "Temperature", ("temperature",), lambda p: (p.temperature,), PALETTE[1:2], "°C", least=None
        ),
        Chart("confidence", "Mean confidence", ("mean confidence",), lambda p: (p.confidence,), PALETTE[4:5], most=1.0),
        Chart(
            "drift",
            "Drift lamps",
            ("pictures changed", "model suffering"),
            lambda p: (_lamp(p.input_changed), _lamp(p.model_suffering)),
            (PALETTE[1], PALETTE[3]),
            most=1.0,
            look=_LAMP,
        ),
        Chart(
            "classes",
            "Seen, by class",
            tuple(labels),
            lambda p: [float((p.classes or {}).get(label, 0)) for label in labels],
            [palette[label] for label in labels],
            look=_STACKED,
        ),
    )


def _lamp(lit: bool | None) -> float | None:
    return None if lit is None else float(lit)
