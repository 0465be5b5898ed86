"""Class by class: bars to see, numbers to quote."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from trainer.measurement.evaluation_charts import bar
from trainer.measurement.measures import ClassMeasures, Ranged
from trainer.report_sections.figures import interval


def classes(rows: Sequence[ClassMeasures]) -> str:
    """One row a class: precision, recall and F1 with bars, and what its scores are worth."""
    head = "".join(f"<th>{name}</th>" for name in ("precision", "recall", "F1", "AUROC", "AP", "pictures"))
    body = "".join(
        f"<tr><th>{escape(row.label)}</th>{''.join(map(_barred, (row.precision, row.recall, row.f1)))}"
        f"{_plain(row.auroc)}{_plain(row.average_precision)}<td>{row.pictures}</td></tr>"
        for row in rows
    )
    return (
        f'<h2>Class by class</h2><div class="sheet"><table><thead><tr><th>class</th>{head}</tr></thead><tbody>{body}'
        f'</tbody></table></div><p class="faint">The line across a bar is the 95 % interval.</p>'
    )


def _barred(figure: Ranged | None) -> str:
    if figure is None:
        return "<td>-</td>"
    return f'<td title="{interval(figure)}">{figure.value:.1%} {bar(figure)}</td>'


def _plain(figure: Ranged | None) -> str:
    return "<td>-</td>" if figure is None else f'<td title="{interval(figure, share=False)}">{figure.value:.3f}</td>'
