"""Line charts as SVG text, drawn with the colours of the page they stand in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 460, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 28
_TICKS = 5


def line_chart(title: str, lines: Mapping[str, Sequence[float]], *, percent: bool = False) -> str:
    """One chart with a line for each of `lines`, values by epoch from 1; styled by the classes `line-0`, `line-1` …"""
    top = 1.0 if percent else _round_up(max(max(values) for values in lines.values()))
    last = max(len(values) for values in lines.values())
    body = "".join((*_grid(top, last, percent), *_curves(lines, top, last)))
    return (
        f'<figure><figcaption>{escape(title)} {_legend(lines)}</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'role="img" aria-label="{escape(title)} by epoch">{body}</svg></figure>'
    )


def _grid(top: float, last: int, percent: bool) -> Iterator[str]:
    for tick in range(_TICKS + 1):
        value = top * tick / _TICKS
        y = _y(value, top)
        text = f"{value:.0%}" if percent else f"{value:.2g}"
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    for epoch in sorted({1, math.ceil(last / 2), last}):
        yield f'<text x="{_x(epoch, last):.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{epoch}</text>'


def _curves(lines: Mapping[str, Sequence[float]], top: float, last: int) -> Iterator[str]:
    for number, values in enumerate(lines.values()):
        points = " ".join(f"{_x(epoch, last):.1f},{_y(value, top):.1f}" for epoch, value in enumerate(values, 1))
        yield f'<polyline class="line-{number}" points="{points}"/>'


def _legend(lines: Mapping[str, Sequence[float]]) -> str:
    return "".join(f'<span class="key key-{number}">{escape(name)}</span>' for number, name in enumerate(lines))


def _x(epoch: int, last: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (epoch - 1) / max(1, last - 1)


def _y(value: float, top: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value / top)


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten, so that the ticks are short numbers."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * power >= value)
