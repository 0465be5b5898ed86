"""What a conversion measured, in the shape of the page and of the table: nothing is measured here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from contract.manifest import Classify
from converters.disagreements import worst_disagreements
from converters.judging import real_answers
from converters.plan import Plan
from converters.preflight.report import Refusal
from converters.report import (
    ArtifactDetails,
    ArtifactRow,
    Disagreement,
    LayerRow,
    PreflightRow,
    ReportPage,
    StageRow,
    report_page,
)
from converters.source import Source
from converters.verdict import WORDS, Verdict
from converters.verdict import StageRow as Measured
from converters.workshop import Judged, Workshop

MOST_LAYERS = 12


def artifact_rows(judged: Sequence[Judged], plans: Sequence[Plan]) -> tuple[ArtifactRow, ...]:
    """One a file that was judged, those bundled and those made for comparison."""
    return tuple(_artifact(one, [plan for plan in plans if plan.words == one.words]) for one in judged)


def write_page(path: Path, source: Source, workshop: Workshop, plans: Sequence[Plan]) -> None:
    """The page for all that was judged, whatever came of it."""
    judged = workshop.judged
    accuracy = next((one.verdict.source_accuracy for one in judged), None)
    page = ReportPage(
        title=source.name,
        origin=source.origin,
        task=source.task,
        metric=metric_name(judged),
        pictures=len(source.golden.frames),
        source=accuracy,
        made_with=", ".join(dict.fromkeys(one.answered.by for one in judged)),
        artifacts=artifact_rows(judged, plans),
        details=tuple(_details(one, source, workshop) for one in judged),
        preflights=tuple(map(_preflight, plans)),
        notes=source.notes,
    )
    path.write_text(report_page(page), encoding="utf-8")


def metric_name(judged: Sequence[Judged]) -> str:
    """The task's own metric where the truth about the pictures is known."""
    known = next((one for one in judged if one.verdict.source_accuracy is not None), None)
    return "same answer" if known is None else known.verdict.metric


def _artifact(judged: Judged, plans: Sequence[Plan]) -> ArtifactRow:
    device = judged.verdict.device
    cost = plans[0].cost if plans else None
    within = "" if cost is None or cost.error_share is None else f", within {cost.error_share:.0%}"
    return ArtifactRow(
        name=judged.words,
        recipe=judged.recipe,
        profiles=tuple(plan.profile for plan in plans),
        size_bytes=len(judged.answered.model),
        metric=device.agreement if device.accuracy is None else device.accuracy,
        low=device.accuracy_low,
        high=device.accuracy_high,
        agreement=device.agreement,
        sqnr_db=device.sqnr_db,
        latency_ms=judged.answered.latency_ms,
        predicted_ms=None if cost is None else cost.latency_ms,
        predicted="" if cost is None else f"{cost.profile}{within} on {cost.networks} published networks",
        passed=judged.verdict.passed,
        verdict=verdict_words(judged.verdict),
    )


def verdict_words(verdict: Verdict) -> str:
    """`passed`, or what was wrong and what helps."""
    return "passed" if verdict.cause is None else f"{WORDS[verdict.cause]}: {verdict.what}. {verdict.fix}"


def _details(judged: Judged, source: Source, workshop: Workshop) -> ArtifactDetails:
    shown, differing = _disagreements(judged, source, workshop)
    last = judged.verdict.device
    return ArtifactDetails(
        name=judged.words,
        stages=tuple(_stage(row, judged.verdict, last=row is last) for row in judged.verdict.rows),
        layers=tuple(
            LayerRow(name=layer.name, operator=layer.operator, sqnr_db=layer.sqnr_db)
            for layer in workshop.layers.get(judged.recipe, ())[:MOST_LAYERS]
        ),
        disagreements=shown,
        pictures_differing=differing,
    )


def _disagreements(judged: Judged, source: Source, workshop: Workshop) -> tuple[tuple[Disagreement, ...], int | None]:
    """Those to show, and how many there are; None for what has no first answer or no picture."""
    if not isinstance(source.decoding, Classify) or source.preprocessing.of_numbers:
        return (), None
    scores = source.decoding.scores
    count = len(source.golden.frames)
    ours, theirs = (answers[scores].reshape(count, -1) for answers in (workshop.truth, real_answers(judged.answered)))
    return worst_disagreements(source.golden, ours, theirs, source.labels, colour=source.preprocessing.colour)


def _stage(row: Measured, verdict: Verdict, *, last: bool) -> StageRow:
    return StageRow(
        stage=row.stage,
        ran_on=row.by,
        sqnr_db=row.sqnr_db,
        correlation=row.correlation,
        agreement=row.agreement,
        churn=row.churn,
        metric=row.accuracy,
        low=row.accuracy_low,
        high=row.accuracy_high,
        passed=verdict.passed or not (last or row.by in verdict.what),
        verdict="passed" if verdict.passed or row.by not in verdict.what else verdict_words(verdict),
    )


def _preflight(plan: Plan) -> PreflightRow:
    found = plan.preflight
    return PreflightRow(
        artifact=plan.words,
        target=plan.profile,
        operators=found.operators,
        mapped=found.operators_mapped,
        left_on_cpu=", ".join(f"{count} {name}" for name, count in found.left_on_cpu.items()),
        memory_mib=plan.cost.memory_mib,
        passed=found.fits,
        words=tuple(map(_refusal, (*found.refusals, *found.warnings))),
    )


def _refusal(refusal: Refusal) -> str:
    return f"{refusal.operator}: {refusal.cause} {refusal.fix}"
