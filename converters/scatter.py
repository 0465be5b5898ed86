"""The picture of a conversion: how good each artifact is against how large it is, as SVG text.

Drawn with the classes of `report.css`, so it is light or dark as the page is. Right up and to the left is better; the
table beside it says the same in words, and each point has them too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from converters.label_places import Box, place_labels
from converters.quantities import interval, measure, size

_WIDTH, _HEIGHT = 760, 360
_FRAME = Box(66, 16, _WIDTH - 16, _HEIGHT - 44)
_PLOT = Box(_FRAME.left + 110, _FRAME.top + 16, _FRAME.right - 110, _FRAME.bottom - 14)
"""Points keep this far from the edges: the outermost have their labels outside."""
_RADIUS = 5.5
_GLYPH, _LINE = 7.0, 15.0
"""Width of a letter at most, and height of a line, at 12 units of type."""
_TICKS = 5


class Point(NamedTuple):
    """One artifact."""

    name: str
    size_bytes: int
    value: float
    low: float | None
    high: float | None
    passed: bool


class _Axes(NamedTuple):
    """What the frame's edges stand for; sizes as logarithms."""

    left: float
    right: float
    bottom: float
    top: float

    def x(self, size_bytes: float) -> float:
        share = (math.log10(size_bytes) - self.left) / (self.right - self.left)
        return _PLOT.left + (_PLOT.right - _PLOT.left) * share

    def y(self, value: float) -> float:
        return _PLOT.bottom - (_PLOT.bottom - _PLOT.top) * (value - self.bottom) / (self.top - self.bottom)


def scatter(points: Sequence[Point], *, metric: str, source: float | None, is_share: bool) -> str:
    """The chart; `source` is drawn as a line. At least one point."""
    axes = _axes(points, source)
    places = [(axes.x(point.size_bytes), axes.y(point.value)) for point in points]
    body = [*_size_grid(axes), *_value_grid(axes, is_share), *_titles(metric)]
    taken = [Box(x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS) for x, y in places]
    taken += [bar for point, (x, _) in zip(points, places, strict=True) if (bar := _bar_box(point, x, axes))]
    if source is not None:
        taken.append(Box(_FRAME.left, axes.y(source) - 1, _FRAME.right, axes.y(source) + 1))
    sizes_wh = [(len(point.name) * _GLYPH, _LINE) for point in points]
    labels = place_labels(places, sizes_wh, _FRAME, taken)
    if source is not None:
        body += _source_line(f"original {measure(source, is_share=is_share)}", axes.y(source), [*taken, *labels])
    for point, place, label_box in zip(points, places, labels, strict=True):
        body += _drawn(point, place, label_box, axes, is_share)
    words = "; ".join(_words(point, is_share) for point in points)
    return (
        f'<svg class="scatter" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(metric)} against size: {escape(words)}">{"".join(body)}</svg>'
    )


def _axes(points: Sequence[Point], source: float | None) -> _Axes:
    sizes = [math.log10(max(1, point.size_bytes)) for point in points]
    ends = [end for point in points for end in (point.value, point.low, point.high)] + [source]
    values = [end for end in ends if end is not None]
    return _Axes(*_widened(min(sizes), max(sizes), 0.15), *_widened(min(values), max(values), 0.005))


def _widened(low: float, high: float, least: float) -> tuple[float, float]:
    """Never so narrow that a difference of nothing fills the chart."""
    missing = max(0.0, 2 * least - (high - low)) / 2
    return low - missing, high + missing


def _size_grid(axes: _Axes) -> Iterator[str]:
    for tick in _size_ticks(10**axes.left, 10**axes.right):
        x = axes.x(tick)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_FRAME.top}" y2="{_FRAME.bottom}"/>'
        yield f'<text x="{x:.1f}" y="{_FRAME.bottom + 17}" text-anchor="middle">{_round_size(tick)}</text>'


def _size_ticks(low: float, high: float) -> list[int]:
    """1, 2, 4, 8 … of a unit, or each fourth or sixteenth where that would be too many; the ends where it is none."""
    for step in (1, 2, 4, 6, 10):
        powers = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
        ticks = [2**power for power in powers if power % step == 0]
        if len(ticks) <= 2 * _TICKS - 1:
            break
    return ticks or [round(low), round(high)]


def _round_size(size_bytes: int) -> str:
    return size(size_bytes).replace(".0 ", " ")


def _value_grid(axes: _Axes, is_share: bool) -> Iterator[str]:
    for value in _value_ticks(axes.bottom, axes.top):
        y = axes.y(value)
        text = f"{100 * value:.6g} %" if is_share else f"{value:.6g}"
        yield f'<line class="grid" x1="{_FRAME.left}" x2="{_FRAME.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_FRAME.left - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'


def _value_ticks(low: float, high: float) -> list[float]:
    """Round numbers: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _titles(metric: str) -> Iterator[str]:
    middle = (_FRAME.left + _FRAME.right) / 2
    yield f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">size of the model file</text>'
    yield f'<text x="{_FRAME.left - 8}" y="{_FRAME.top - 3}" text-anchor="end">{escape(metric)}</text>'


def _source_line(words: str, line: float, taken: Sequence[Box | None]) -> Iterator[str]:
    """Its words stand right above or below it, as far to the right as there is room."""
    yield f'<line class="source" x1="{_FRAME.left}" x2="{_FRAME.right}" y1="{line:.1f}" y2="{line:.1f}"/>'
    width = len(words) * _GLYPH
    rights = range(int(_FRAME.right), int(_FRAME.left + width), -10)
    boxes = (Box(right - width, top, right, top + _LINE) for right in rights for top in (line - _LINE - 2, line + 2))
    others = [box for box in taken if box is not None]
    free = next((box for box in boxes if _FRAME.holds(box) and not any(map(box.meets, others))), None)
    if free is not None:
        yield f'<text x="{free.right:.1f}" y="{free.bottom - 4:.1f}" text-anchor="end">{escape(words)}</text>'


def _bar_box(point: Point, x: float, axes: _Axes) -> Box | None:
    if point.low is None or point.high is None:
        return None
    return Box(x - 4, axes.y(point.high), x + 4, axes.y(point.low))


def _drawn(point: Point, place: tuple[float, float], label: Box | None, axes: _Axes, is_share: bool) -> Iterator[str]:
    x, y = place
    kind = "passed" if point.passed else "refused"
    yield f'<g class="{kind}"><title>{escape(_words(point, is_share))}</title>'
    bar = _bar_box(point, x, axes)
    if bar is not None:
        yield f'<path class="bar" d="M{x:.1f} {bar.top:.1f}V{bar.bottom:.1f}M{x - 4:.1f} {bar.top:.1f}h8'
        yield f'M{x - 4:.1f} {bar.bottom:.1f}h8"/>'
    yield _mark(point, x, y)
    if label is not None:
        yield from _label(point.name, label, x, y)
    yield "</g>"


def _mark(point: Point, x: float, y: float) -> str:
    """A dot, or a cross where it was refused: told apart without colours too."""
    if point.passed:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_RADIUS}"/>'
    corner, side = f"M{x - _RADIUS:.1f} {y - _RADIUS:.1f}", 2 * _RADIUS
    return f'<path class="cross" d="{corner}l{side} {side}m0 {-side}l{-side} {side}"/>'


def _label(name: str, box: Box, x: float, y: float) -> Iterator[str]:
    """The name, and a line to its point where it had to go far."""
    near_x, near_y = min(max(x, box.left), box.right), min(max(y, box.top), box.bottom)
    if math.hypot(near_x - x, near_y - y) > 2.5 * _RADIUS:
        yield f'<line class="leader" x1="{x:.1f}" y1="{y:.1f}" x2="{near_x:.1f}" y2="{near_y:.1f}"/>'
    middle = (box.left + box.right) / 2
    anchor, at = ("start", box.left) if box.left > x else ("end", box.right) if box.right < x else ("middle", middle)
    yield f'<text class="name" x="{at:.1f}" y="{box.bottom - 4:.1f}" text-anchor="{anchor}">{escape(name)}</text>'


def _words(point: Point, is_share: bool) -> str:
    known = "" if point.low is None else f" ({interval(point.low, point.high, is_share=is_share)})"
    verdict = "passed" if point.passed else "refused"
    return f"{point.name}: {size(point.size_bytes)}, {measure(point.value, is_share=is_share)}{known}, {verdict}"
