"""Short lists of facts as plain HTML tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fleet.page_shell import chip, element, text

Cell = str | tuple[str, str]
"""Words, or a chip's (words, tone)."""


def listing(head: Sequence[str], rows: Iterable[Sequence[Cell]], *, testid: str = "") -> None:
    """Draw it; it scrolls sideways by itself where the screen is narrow."""
    with element("div", "ef-scroll"), element("table", "ef-list", testid=testid):
        with element("thead"), element("tr"):
            for name in head:
                text(name, tag="th").props('scope="col"')
        with element("tbody"):
            for row in rows:
                with element("tr"):
                    for cell in row:
                        _draw(cell)


def _draw(cell: Cell) -> None:
    if isinstance(cell, str):
        text(cell, tag="td")
    else:
        with element("td"):
            chip(*cell)
