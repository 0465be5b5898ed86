"""What to do with the scores: thresholds for a goal, and the answer that costs least."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from trainer.measurement.measures import CostTable, OperatingPoint, Ranged
from trainer.report_sections.figures import written


def thresholds(points: Sequence[OperatingPoint]) -> str:
    """One row a goal; nothing where none was asked for."""
    if not points:
        return ""
    rows = "".join(_point(point) for point in points)
    head = "".join(f"<th>{name}</th>" for name in ("threshold", "precision", "recall", "coverage", "reached here"))
    return (
        f'<h2>Thresholds</h2><div class="sheet"><table><thead><tr><th>chosen for</th>{head}</tr></thead><tbody>{rows}'
        f'</tbody></table></div><p class="faint">Chosen on validation pictures, told by the pictures measured here.</p>'
    )


def costs(table: CostTable | None) -> str:
    """What mistakes cost by either way to answer; nothing where nobody gave prices."""
    if table is None:
        return ""
    rows = f"<tr><th>highest score</th><td>{_money(table.per_1000, table.currency)}</td><td></td></tr>"
    if table.least_per_1000 is not None and table.saved_per_1000 is not None:
        rows += (
            f"<tr><th>least expected cost</th><td>{_money(table.least_per_1000, table.currency)}</td>"
            f"<td>{_money(table.saved_per_1000, table.currency)}</td></tr>"
        )
    head = "<tr><th>answered by</th><th>per 1,000 pictures</th><th>saved</th></tr>"
    return (
        f'<h2>What mistakes cost</h2><div class="sheet"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
        f'<p class="faint">The two ways differ on {table.changed:.1%} of the pictures.</p>'
    )


def _point(point: OperatingPoint) -> str:
    if point.threshold is None or point.coverage is None:
        none = "no threshold reaches it on the validation split"
        return f'<tr><th>{escape(point.goal)}</th><td colspan="5">{none}</td></tr>'
    kept = {True: "yes", False: "no", None: "-"}[point.reached]
    return (
        f"<tr><th>{escape(point.goal)}</th><td>{point.threshold:.3f}</td><td>{written(point.precision)}</td>"
        f"<td>{written(point.recall)}</td><td>{point.coverage:.1%}</td><td>{kept}</td></tr>"
    )


def _money(figure: Ranged, currency: str) -> str:
    ends = "" if figure.low is None else f" <span class='faint'>{figure.low:.1f} to {figure.high:.1f}</span>"
    return f"{figure.value:.1f} {escape(currency)}{ends}"
