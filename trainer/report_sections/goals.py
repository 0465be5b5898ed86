"""The first thing to read: whether the model reaches what was asked of it."""

from __future__ import annotations

from html import escape

from trainer.measurement.measures import GoalLine, GoalTable

_MARKS = {"met": "✓ met", "missed": "✗ missed", "not measured": "? not measured"}


def goals(table: GoalTable | None) -> str:
    """The table of goals; nothing where none were set."""
    if table is None:
        return ""
    rows = "".join(_row(line) for line in table.lines)
    judged = "the unfavourable end of the interval" if table.judged_by == "interval" else "the value"
    head = "<tr><th>goal</th><th>asked</th><th>measured</th><th>interval</th><th>verdict</th></tr>"
    return (
        f'<h2>Goals: <span class="{table.verdict}">{table.verdict}</span></h2><div class="sheet"><table><thead>{head}'
        f'</thead><tbody>{rows}</tbody></table></div><p class="faint">Judged by {judged}. A goal nothing was measured '
        f"for is not met.</p>"
    )


def _row(line: GoalLine) -> str:
    value = "-" if line.value is None else f"{line.value:.4g}"
    ends = "" if line.low is None or line.high is None else f"{line.low:.4g} to {line.high:.4g}"
    style = "met" if line.verdict == "met" else "missed"
    return (
        f"<tr><th>{escape(line.key)}</th><td>{line.direction} {line.goal:.4g}</td><td>{value}</td><td>{ends}</td>"
        f'<td class="{style}">{_MARKS[line.verdict]}</td></tr>'
    )
