"""Reports as lines of text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from converters.convert import BundleReport, ConvertReport
from converters.delta import ApplyReport, DeltaReport
from converters.inspection import Inspection

_COLUMNS = ("BUNDLE", "FORMAT", "SIZE", "FLOAT", "ARTIFACT", "SAME ANSWER", "VERDICT")


def bundle_table(report: ConvertReport) -> Iterator[str]:
    """One line a bundle under a heading, then a line for each note."""
    rows = [_COLUMNS, *map(_row, report.bundles)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    for bundle in report.bundles:
        if bundle.note:
            yield f"{bundle.profile}: {bundle.note}"


def inspection_page(found: Inspection) -> Iterator[str]:
    """What a person wants to know of a bundle, most important first."""
    manifest = found.manifest
    width, height = manifest.preprocessing.size_wh
    yield f"{manifest.release} for {manifest.profile} ({manifest.format}, {manifest.task})"
    yield f"  file        {found.path}, {_size(found.bytes)}"
    yield f"  digest      {found.digest}"
    yield f"  signed by   {_signer(found)}"
    yield f"  input       {width}x{height} {manifest.preprocessing.colour}, {manifest.inputs[0].dtype}"
    yield f"  labels      {len(manifest.labels)}: {_shortened(manifest.labels)}"
    evidence = manifest.evidence
    if evidence.source is not None and evidence.artifact is not None:
        compared = f"float {evidence.source:.2%}, {evidence.pictures} pictures"
        yield f"  {evidence.metric:<12}{evidence.artifact:.2%} ({compared})"
    if manifest.golden is not None:
        yield f"  golden      {manifest.golden.frames} frames, tolerance {manifest.golden.tolerance:.4f}"
    for kind, digest in manifest.lineage.items():
        yield f"  {kind:<12}{digest}"
    for member in manifest.members:
        yield f"  member      {member.name}, {_size(member.size_bytes)}"
    if manifest.note:
        yield f"  note        {manifest.note}"


def delta_page(report: DeltaReport) -> Iterator[str]:
    """How small the delta is, and how each part was told."""
    yield f"{report.path}: {_size(report.bytes)}, {report.share:.1%} of {report.release} for {report.profile}"
    yield f"  from        {report.base}"
    yield f"  to          {report.target}, {_size(report.whole_bytes)}"
    for part in report.parts:
        methods = ", ".join(f"{size / part.size_bytes:.0%} {method}" for method, size in part.methods.items())
        yield f"  {part.name}: {_size(part.stored_bytes)} for {_size(part.size_bytes)} ({methods})"
    if report.note:
        yield report.note


def applied_page(report: ApplyReport) -> Iterator[str]:
    """What there is now, and what it cost."""
    yield f"{report.path}: {report.release} for {report.profile}, {_size(report.bytes)}"
    yield f"  digest      {report.digest}, as the delta promised"
    yield f"  fetched     {_size(report.delta_bytes)}, {report.share:.1%} of it"


def _row(bundle: BundleReport) -> tuple[str, ...]:
    evidence = bundle.evidence
    shares = (evidence.source, evidence.artifact, evidence.agreement)
    name = f"{bundle.release.replace('@', '-')}-{bundle.profile}.bundle"
    verdict = "passed" if bundle.path else "passed, not written"
    return (name, bundle.format, _size(bundle.bytes), *(_percent(share) for share in shares), verdict)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"


def _size(size_bytes: int) -> str:
    if size_bytes < 1024:
        return f"{size_bytes} B"
    return f"{size_bytes / 1024:.1f} KiB" if size_bytes < 1024**2 else f"{size_bytes / 1024**2:.1f} MiB"


def _signer(found: Inspection) -> str:
    if found.signer is None:
        return "not checked; see edgeferry bundle verify"
    return f"{found.signer}{' (the development key: everybody has it)' if found.development else ''}"


def _shortened(labels: Sequence[str], most: int = 8) -> str:
    return ", ".join(labels[:most]) + (", …" if len(labels) > most else "")
