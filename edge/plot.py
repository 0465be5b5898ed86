"""How long frames took, as a picture: a histogram of each series with its median, p95 and p99, over one axis.

SVG written by hand, because a device has no plotting library and a browser draws it sharply in light and dark. The far
tail is cut off, and the picture says how much of it: one garbage collection must not squeeze everything else flat.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape  # nosec B406  # it writes XML and reads none

from contract.errors import ConfigError
from edge.telemetry import percentiles

Samples = Mapping[str, Sequence[float]]
"""Milliseconds by the name of what was timed, e.g. `bare` and `tick`."""

_WIDTH, _PLOT_HEIGHT, _GAP, _LEFT, _TOP, _BOTTOM = 860, 150, 46, 24, 64, 44
_BINS = 96
_WORD_BINS = 56
_SHADES = " ▁▂▃▄▅▆▇█"
_COLOURS = ("#3f7ee8", "#0d9488", "#d9822b")
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #151a21; font-variant-numeric: tabular-nums; }
.title { font-size: 16px; font-weight: 600; } .dim { fill: #5d6878; font-size: 12px; }
.ground { fill: #ffffff; } .axis { stroke: #c3cad4; } .mark { stroke: #151a21; stroke-dasharray: 3 3; }
.share { fill: none; stroke: #5d6878; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) { text { fill: #e7ecf3; } .dim { fill: #93a0b2; } .ground { fill: #161c24; }
  .axis { stroke: #3a4553; } .mark { stroke: #e7ecf3; } .share { stroke: #93a0b2; } }
"""


def check_suffix(path: Path) -> None:
    """ConfigError where `path` asks for anything but an SVG."""
    if path.suffix.lower() != ".svg":
        raise ConfigError("plots are SVG", where=f"--plot {path}", fix="Choose a file name that ends in .svg.")


def latency_plot(samples: Samples, path: Path, *, title: str = "Latency") -> None:
    """Write the picture of `samples` to `path`, an `.svg`. ConfigError for another suffix, or where it cannot be."""
    check_suffix(path)
    try:
        path.write_text(latency_svg(samples, title=title), encoding="utf-8")
    except OSError as problem:
        raise ConfigError(
            f"the plot cannot be written: {problem.strerror}", where=f"--plot {path}", fix="Choose another file."
        ) from problem


def latency_svg(samples: Samples, *, title: str = "Latency") -> str:
    """The picture as text: a plot for each series that holds a finite number, all over the same milliseconds."""
    series = _finite(samples)
    low, high = _range(series)
    height = _TOP + len(series) * (_PLOT_HEIGHT + _GAP) + _BOTTOM - _GAP
    plots = [
        _plot(name, values, _TOP + number * (_PLOT_HEIGHT + _GAP), _COLOURS[number % len(_COLOURS)], low, high)
        for number, (name, values) in enumerate(series.items())
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style>",
            f'<rect class="ground" width="{_WIDTH}" height="{height}" rx="10"/>',
            f'<text class="title" x="{_LEFT}" y="32">{escape(title)}</text>',
            *(plots or [f'<text class="dim" x="{_LEFT}" y="56">Nothing was timed.</text>']),
            *_axis(height - _BOTTOM, low, high),
            "</svg>\n",
        ]
    )


def latency_words(samples: Samples) -> str:
    """The same for a terminal: a line of blocks for each series, and one with the milliseconds of both ends."""
    series = _finite(samples)
    if not series:
        return "  nothing was timed"
    low, high = _range(series)
    wide = max(map(len, series))
    lines = []
    for name, values in series.items():
        counts = _counts(values, low, high, _WORD_BINS)
        most = max(counts) or 1
        blocks = "".join(_SHADES[math.ceil(count / most * (len(_SHADES) - 1))] for count in counts)
        lines.append(f"  {name:<{wide}} |{blocks}|{_beyond_words(values, high)}")
    left, right = f"{low:.3g} ms", f"{high:.3g} ms"
    return "\n".join([*lines, f"  {'':<{wide}}  {left}{right:>{_WORD_BINS - len(left)}}"])


def _finite(samples: Samples) -> dict[str, list[float]]:
    found = {name: sorted(value for value in values if math.isfinite(value)) for name, values in samples.items()}
    return {name: values for name, values in found.items() if values}


def _range(series: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """From the quickest of all to a little beyond the slowest p99; never empty."""
    if not series:
        return 0.0, 1.0
    low = min(values[0] for values in series.values())
    high = max(percentiles(values).p99 for values in series.values())
    return low, high + max(0.05 * (high - low), 1e-3 * abs(high), 1e-6)


def _counts(values: Sequence[float], low: float, high: float, bins: int) -> list[int]:
    """How many fall into each of `bins` equal parts of `low`..`high`; those beyond are left out."""
    counts = [0] * bins
    for value in values:
        if value <= high:
            counts[min(int((value - low) / (high - low) * bins), bins - 1)] += 1
    return counts


def _beyond_words(values: Sequence[float], high: float) -> str:
    beyond = sum(value > high for value in values)
    return f" {beyond} more, up to {values[-1]:.3g} ms" if beyond else ""


def _plot(name: str, values: Sequence[float], top: int, colour: str, low: float, high: float) -> str:
    found, foot = percentiles(values), top + _PLOT_HEIGHT
    figures = f"p50 {found.p50:.3g}, p95 {found.p95:.3g}, p99 {found.p99:.3g} ms; {len(values)} frames"
    beyond = f";{_beyond_words(values, high)}" if values[-1] > high else ""
    return "\n".join(
        [
            f'<text x="{_LEFT}" y="{top - 8}">{escape(name)}</text>',
            f'<text class="dim" x="{_WIDTH - _LEFT}" y="{top - 8}" text-anchor="end">{figures}{beyond}</text>',
            *_bars(_counts(values, low, high, _BINS), foot, colour),
            _cumulative(values, foot, low, high),
            *(_mark(word, getattr(found, word), top, low, high) for word in ("p50", "p95", "p99")),
            f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _LEFT}" y1="{foot}" y2="{foot}"/>',
        ]
    )


def _bars(counts: Sequence[int], foot: int, colour: str) -> list[str]:
    wide, most = (_WIDTH - 2 * _LEFT) / len(counts), max(counts) or 1
    return [
        f'<rect x="{_LEFT + number * wide:.1f}" y="{foot - high:.1f}" width="{wide - 1:.1f}" height="{high:.1f}" '
        f'fill="{colour}"/>'
        for number, count in enumerate(counts)
        if (high := count / most * (_PLOT_HEIGHT - 22)) > 0
    ]


def _cumulative(values: Sequence[float], foot: int, low: float, high: float) -> str:
    """A line that rises from none at the foot to all of the frames at the top."""
    stride = max(1, len(values) // 400)
    points = [
        f"{_x(values[at], low, high):.1f},{foot - (at + 1) / len(values) * (_PLOT_HEIGHT - 22):.1f}"
        for at in range(0, len(values), stride)
        if values[at] <= high
    ]
    return f'<polyline class="share" points="{" ".join(points)}"/>'


def _mark(word: str, value: float, top: int, low: float, high: float) -> str:
    x = _x(value, low, high)
    anchor, aside = ("end", -4) if x > _WIDTH - 60 else ("start", 4)
    # p95 a line lower: it is often where p99 is.
    y = top + (20 if word == "p95" else 8)
    return (
        f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + _PLOT_HEIGHT}"/>'
        f'<text class="dim" x="{x + aside:.1f}" y="{y}" text-anchor="{anchor}">{word}</text>'
    )


def _axis(foot: int, low: float, high: float) -> list[str]:
    """Six places, the first and the last at the edges."""
    places = [low + (high - low) * part / 5 for part in range(6)]
    anchors = ["start", *["middle"] * 4, "end"]
    return [
        f'<text class="dim" x="{_x(at, low, high):.1f}" y="{foot + 20}" text-anchor="{anchor}">{at:.3g} ms</text>'
        for at, anchor in zip(places, anchors, strict=True)
    ]


def _x(value: float, low: float, high: float) -> float:
    return _LEFT + (value - low) / (high - low) * (_WIDTH - 2 * _LEFT)
