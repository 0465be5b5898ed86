"""Where the model fails more than elsewhere."""

from __future__ import annotations

from html import escape

from trainer.measurement.evaluation_charts import bar
from trainer.measurement.measures import Slice, Slices
from trainer.report_sections.figures import interval


def slices(found: Slices | None) -> str:
    """One row a slice; nothing where there are none."""
    if found is None or not found.slices:
        return ""
    rows = "".join(_row(one, f"{one.column}={one.value}" == found.worst) for one in found.slices)
    head = (
        "<tr><th>slice</th><th></th><th>accuracy</th><th>interval</th><th>sure</th><th>macro-F1</th><th>pictures</th>"
    )
    worst = f"Lowest among those of 20 pictures and more: {escape(found.worst)}. " if found.worst else ""
    more = f"Not sliced by {escape(', '.join(found.left_out))}: one value, or too many. " if found.left_out else ""
    return (
        f'<h2>Slices</h2><div class="sheet"><table><thead>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="faint">{worst}{more}Among many slices, some are low by chance: look at the interval.</p>'
    )


def _row(one: Slice, worst: bool) -> str:
    marked = ' class="worst"' if worst else ""
    few = " (few)" if one.small else ""
    return (
        f"<tr{marked}><th>{escape(one.column)}</th><th>{escape(one.value)}</th><td>{one.accuracy.value:.1%} "
        f"{bar(one.accuracy)}</td><td>{interval(one.accuracy)}</td><td>{one.sureness:.0%}</td>"
        f"<td>{one.macro_f1:.1%}</td><td>{one.pictures}{few}</td></tr>"
    )
