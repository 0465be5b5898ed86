"""A verdict as the manifest and the card tell it: what was measured of this very file, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from contract.manifest import Evidence, StageEvidence
from converters.verdict import StageRow, Verdict


def evidence_of(verdict: Verdict) -> Evidence:
    """For the manifest. Without known classes the share of equal answers is the metric, and the source's own is 1."""
    device = verdict.device
    known = verdict.source_accuracy is not None
    return Evidence(
        pictures=device.pictures,
        metric=verdict.metric if known else "agreement",
        source=verdict.source_accuracy if known else 1.0,
        artifact=device.accuracy if known else device.agreement,
        agreement=device.agreement,
        low=UNSET if device.accuracy_low is None else device.accuracy_low,
        high=UNSET if device.accuracy_high is None else device.accuracy_high,
        stages=tuple(map(_stage, verdict.rows)),
    )


def evidence_sheet(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Name and value, for the card."""
    device = verdict.device
    yield "Pictures compared on", f"{device.pictures}, held back"
    if verdict.source_accuracy is not None and device.accuracy is not None:
        name = "Accuracy" if verdict.metric == "accuracy" else verdict.metric
        yield f"{name} before", f"{verdict.source_accuracy:.4f}"
        yield f"{name} of this file", f"{device.accuracy:.4f}"
        yield "Its 95 % interval", f"{device.accuracy_low:.4f} to {device.accuracy_high:.4f}"
    yield "Same answers", f"{device.agreement:.4f}"
    if device.box_iou is not None:
        yield "Mean overlap of the boxes", f"{device.box_iou:.4f}"
    for row in verdict.rows:
        yield f"Signal to noise, {row.stage}", f"{_decibels(row)} ({row.by})"


def _decibels(row: StageRow) -> str:
    return "equal numbers" if row.sqnr_db is None else f"{row.sqnr_db:.1f} dB"


def _stage(row: StageRow) -> StageEvidence:
    """Rounded to what does not depend on how many cores the source was computed on: x86 without AVX-512 sums otherwise
    for another number of threads, and the same run must give the same bytes.
    """
    return StageEvidence(
        stage=row.stage,
        ran_on=row.by,
        sqnr_db=None if row.sqnr_db is None else round(row.sqnr_db, 1),
        correlation=round(row.correlation, 6),
        agreement=row.agreement,
        metric=row.accuracy,
        low=row.accuracy_low,
        high=row.accuracy_high,
    )
