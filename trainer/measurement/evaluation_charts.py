"""Bars, reliability diagrams and heat maps as SVG text, drawn with the colours of the page they stand in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from trainer.measurement.measures import Bin, Ranged

_SIDE, _LEFT, _RIGHT, _TOP, _BOTTOM = 320, 44, 22, 12, 36
_BAR_WH = (120, 12)
_CELL_WH, _NAMES_WIDTH, _HEAD = (58, 24), 130, 22


def reliability_diagram(title: str, bins: Sequence[Bin]) -> str:
    """How often right against how sure, a dot a bin and its gap to the diagonal; dots grow with their pictures."""
    most = max((one.pictures for one in bins), default=1)
    body = "".join((*_square(), *(mark for one in bins for mark in _dot(one, most))))
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {_SIDE} {_SIDE}" role="img" '
        f'aria-label="{escape(title)}: share answered rightly by best score">{body}</svg></figure>'
    )


def bar(figure: Ranged | None) -> str:
    """A share as a bar, its interval as a line across the end; nothing for None."""
    if figure is None:
        return ""
    width, height = _BAR_WH
    middle = height / 2
    line = ""
    if figure.low is not None and figure.high is not None:
        low, high = _clipped(figure.low) * width, _clipped(figure.high) * width
        line = f'<line class="range" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
    return (
        f'<svg class="bar" viewBox="0 0 {width} {height}" role="img" aria-label="{figure.value:.1%}">'
        f'<rect class="track" width="{width}" height="{height}" rx="3"/>'
        f'<rect class="filled" width="{_clipped(figure.value) * width:.1f}" height="{height}" rx="3"/>{line}</svg>'
    )


def heat_map(title: str, rows: Mapping[str, Sequence[float]], columns: Sequence[str], best: float) -> str:
    """Shares by row and column, the deeper the further below `best`, each with its number."""
    width = _NAMES_WIDTH + _CELL_WH[0] * len(columns)
    height = _HEAD + _CELL_WH[1] * len(rows)
    body = "".join((*_heads(columns), *(mark for row in enumerate(rows.items()) for mark in _row(*row, best))))
    return (
        f'<figure class="heat"><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{escape(title)}">{body}</svg></figure>'
    )


def _square() -> Iterator[str]:
    for tick in range(6):
        share = tick / 5
        x, y = _x(share), _y(share)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_SIDE - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>'
        yield f'<text x="{x:.1f}" y="{_SIDE - _BOTTOM + 16}" text-anchor="middle">{share:.0%}</text>'
    yield f'<line class="ideal" x1="{_x(0):.1f}" y1="{_y(0):.1f}" x2="{_x(1):.1f}" y2="{_y(1):.1f}"/>'
    yield f'<text x="{_x(0.5):.1f}" y="{_SIDE - 4}" text-anchor="middle">how sure</text>'


def _dot(one: Bin, most: int) -> Iterator[str]:
    x, y = _x(one.sureness), _y(one.right)
    yield f'<line class="gap" x1="{x:.1f}" x2="{x:.1f}" y1="{y:.1f}" y2="{_y(one.sureness):.1f}"/>'
    yield (
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{3 + 3 * (one.pictures / most) ** 0.5:.1f}"><title>'
        f"{one.pictures} pictures, {one.sureness:.1%} sure, {one.right:.1%} right</title></circle>"
    )


def _heads(columns: Sequence[str]) -> Iterator[str]:
    for number, name in enumerate(columns):
        x = _NAMES_WIDTH + _CELL_WH[0] * (number + 0.5)
        yield f'<text x="{x:.1f}" y="{_HEAD - 7}" text-anchor="middle">{escape(name)}</text>'


def _row(number: int, row: tuple[str, Sequence[float]], best: float) -> Iterator[str]:
    name, values = row
    width, height = _CELL_WH
    y = _HEAD + height * number
    yield f'<text x="{_NAMES_WIDTH - 8}" y="{y + 16}" text-anchor="end">{escape(name)}</text>'
    for column, value in enumerate(values):
        x = _NAMES_WIDTH + width * column
        depth = 0.75 * _clipped((best - value) / best) if best > 0 else 0.0
        yield (
            f'<rect x="{x + 1}" y="{y + 1}" width="{width - 2}" height="{height - 2}" rx="3" '
            f'style="fill: rgba(var(--miss), {depth:.2f})"/>'
            f'<text class="value" x="{x + width / 2}" y="{y + 16}" text-anchor="middle">{value:.0%}</text>'
        )


def _x(share: float) -> float:
    return _LEFT + (_SIDE - _LEFT - _RIGHT) * _clipped(share)


def _y(share: float) -> float:
    return _TOP + (_SIDE - _TOP - _BOTTOM) * (1.0 - _clipped(share))


def _clipped(share: float) -> float:
    return min(1.0, max(0.0, share))
