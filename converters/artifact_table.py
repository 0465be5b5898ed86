"""The artifacts of a conversion as lines of text for a terminal: what the report's first table says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from converters.quantities import decibels, interval, measure, milliseconds, share, size
from converters.report import ArtifactRow


def artifact_lines(rows: Sequence[ArtifactRow], *, metric: str = "accuracy", is_share: bool = True) -> Iterator[str]:
    """A heading, one line an artifact, and below them why one was refused. Names stand left, numbers right."""
    heads = ("ARTIFACT", "SIZE", metric.upper(), "95 %", "SAME ANSWER", "SQNR", "HERE", "THERE", "VERDICT")
    lines = [heads, *(_cells(row, is_share) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    last = len(heads) - 1
    for line in lines:
        aligned = (
            cell.ljust(width) if column in (0, last) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        yield "  ".join(aligned).rstrip()
    for row in rows:
        if not row.passed:
            yield f"{row.name}: {row.verdict}"


def _cells(row: ArtifactRow, is_share: bool) -> tuple[str, ...]:
    return (
        row.name,
        size(row.size_bytes),
        measure(row.metric, is_share=is_share),
        interval(row.low, row.high, is_share=is_share),
        share(row.agreement),
        decibels(row.sqnr_db),
        milliseconds(row.latency_ms),
        milliseconds(row.predicted_ms),
        "passed" if row.passed else "refused",
    )
