"""Accuracy on pictures made worse."""

from __future__ import annotations

from html import escape

from trainer.measurement.corruptions import SEVERITIES
from trainer.measurement.evaluation_charts import heat_map
from trainer.measurement.measures import Robustness


def robustness(found: Robustness | None) -> str:
    """The grid as a heat map; nothing where it was not measured."""
    if found is None:
        return ""
    rows = {kind.replace("_", " "): values for kind, values in found.grid.items()}
    chart = heat_map("Accuracy by corruption and severity", rows, [str(s) for s in SEVERITIES], found.clean)
    return (
        f"<h2>Pictures made worse</h2><p>Mean corruption accuracy <b>{found.mean:.1%}</b>, of {found.clean:.1%} on the "
        f"same {found.pictures} pictures as they are; worst under {escape(found.worst.replace('_', ' '))}.</p>{chart}"
    )
