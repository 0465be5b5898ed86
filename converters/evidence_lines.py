"""What a bundle says of how it was made and measured, as lines of text; and what it leaves unsaid."""

from __future__ import annotations

from collections.abc import Iterator

from contract.manifest import GOLDEN, REFERENCE, Evidence, Manifest, StageEvidence
from converters.quantities import decibels, interval, measure, share

SHARES = frozenset({"accuracy", "agreement", "mAP", "mIoU"})
"""Metrics that are a share of 1; any other is shown as the number it is."""


def evidence_lines(manifest: Manifest) -> Iterator[str]:
    """Recipe, the metric with its interval, and a line a stage; nothing for what the manifest does not say."""
    evidence = manifest.evidence
    if isinstance(manifest.recipe, str):
        yield f"  recipe      {manifest.recipe}"
    if evidence.artifact is not None:
        yield f"  {evidence.metric:<12}{_measured(evidence)}"
    for stage in evidence.stages or ():
        yield f"  stage       {_stage(stage, evidence.metric)}"


def unsaid(manifest: Manifest) -> tuple[str, ...]:
    """What a bundle converted today says and this one does not: it may be older, or made by hand."""
    evidence, members = manifest.evidence, {member.name for member in manifest.members}
    said = {
        "recipe": isinstance(manifest.recipe, str),
        "metric": evidence.artifact is not None,
        "interval": isinstance(evidence.low, float) and isinstance(evidence.high, float),
        "stages": bool(evidence.stages),
        "golden frames": GOLDEN in members,
        "drift reference": REFERENCE in members,
        "lineage": bool(manifest.lineage),
    }
    return tuple(name for name, there in said.items() if not there)


def _measured(evidence: Evidence) -> str:
    is_share = evidence.metric in SHARES
    words = [f"{evidence.pictures} pictures"]
    if isinstance(evidence.low, float) and isinstance(evidence.high, float):
        words.insert(0, f"95 % interval {interval(evidence.low, evidence.high, is_share=is_share)}")
    if evidence.source is not None:
        words.insert(0, f"float {measure(evidence.source, is_share=is_share)}")
    return f"{measure(evidence.artifact, is_share=is_share)} ({', '.join(words)})"


def _stage(stage: StageEvidence, metric: str) -> str:
    words = []
    if stage.sqnr_db is not None:
        words.append(f"SQNR {decibels(stage.sqnr_db)}")
    elif stage.correlation is not None:
        words.append("equal numbers")
    if stage.agreement is not None:
        words.append(f"same answer {share(stage.agreement)}")
    if stage.metric is not None:
        words.append(f"{metric} {measure(stage.metric, is_share=metric in SHARES)}")
    by = f" by {stage.ran_on}" if stage.ran_on else ""
    return f"{stage.stage}{by}: {', '.join(words) or 'nothing measured'}"
