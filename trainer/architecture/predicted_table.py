"""What a model would cost on devices, as a table of a report."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from trainer.architecture.budget import Prediction


def predicted_table(predictions: Iterable[Prediction]) -> str:
    """A row a profile, with what was measured there where somebody did; notes below."""
    predictions = list(predictions)
    rows = "".join(
        f"<tr><th>{escape(found.profile)}</th><td>{found.latency_ms:g} ms</td><td>{_band(found)}</td>"
        f"<td>{found.size_bytes / 1e6:.2f} MB</td><td>{found.memory_mib:.0f} MiB</td><td>{_measured(found)}</td></tr>"
        for found in predictions
    )
    names = ("device", "a frame", "most such predictions", "file", "process", "measured")
    head = "".join(f"<th>{name}</th>" for name in names)
    notes = "".join(
        f"<li>{escape(found.profile)}: {escape(note)}</li>" for found in predictions for note in found.notes
    )
    return (
        f'<div class="sheet"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<ul class="faint">{notes}</ul>'
    )


def _band(found: Prediction) -> str:
    return "not known" if found.low is None or found.high is None else f"{found.low:g} to {found.high:g} ms"


def _measured(found: Prediction) -> str:
    return "not yet" if found.measured is None else f"{found.measured.latency_ms:g} ms"
