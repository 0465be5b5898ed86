"""Truth against answer."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from contract.run import Scores

_PALEST, _DEEPEST = 0.15, 0.6
"""Opacity of a confusion cell: one mistake must be seen, and a full row must leave its number readable."""
MANY = 40
"""Classes above which a confusion matrix is no longer read by anyone; the mistakes by class are in metrics.json."""


def confusion(test: Scores) -> str:
    """The matrix; nothing where there are too many classes to look at."""
    if len(test.per_class) > MANY:
        return ""
    labels = [escape(row.label) for row in test.per_class]
    head = "".join(f"<th>{label}</th>" for label in labels)
    rows = "".join(
        f"<tr><th>{label}</th>{''.join(_cells(row, number))}</tr>"
        for number, (label, row) in enumerate(zip(labels, test.confusion, strict=True))
    )
    return (
        f'<h2>Truth against answer</h2><div class="sheet"><table class="confusion"><thead><tr><th></th>{head}</tr>'
        f'</thead><tbody>{rows}</tbody></table></div><p class="faint">Rows are the truth, columns the answer.</p>'
    )


def _cells(row: tuple[int, ...], truth: int) -> Iterator[str]:
    """Blue where right, orange where wrong, the deeper the larger the share of the row."""
    for answer, count in enumerate(row):
        colour = "--hit" if answer == truth else "--miss"
        depth = _PALEST + (_DEEPEST - _PALEST) * count / max(1, sum(row))
        shade = f' style="background: rgba(var({colour}), {depth:.2f})"' if count else ""
        yield f"<td{shade}>{count or ''}</td>"
