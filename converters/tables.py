"""Reports as lines of text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from converters.artifact_table import artifact_lines
from converters.convert import BundleReport, ConvertReport
from converters.delta import ApplyReport, DeltaReport
from converters.evidence_lines import evidence_lines
from converters.inspection import Inspection
from converters.oci_layout import ExportReport, ImportReport
from converters.plan import Plan
from converters.preflight.check import preflight_lines
from converters.quantities import size
from converters.signing import SignReport

_COLUMNS = ("BUNDLE", "RECIPE", "SIZE", "VERDICT")


def conversion_page(report: ConvertReport) -> Iterator[str]:
    """The bundles, every artifact beside the others, and what each device will make of its own."""
    if report.bundles:
        yield from _aligned([_COLUMNS, *map(_row, report.bundles)])
        yield ""
    if report.table:
        yield from artifact_lines(report.table, metric=report.metric)
        yield ""
    for plan in report.plans:
        yield from plan_lines(plan)
    for bundle in report.bundles:
        if bundle.note:
            yield f"{bundle.profile}: {bundle.note}"


def plan_lines(plan: Plan) -> Iterator[str]:
    """What is foretold of one device, most important first."""
    cost = plan.cost
    within = (
        "" if cost.error_share is None else f" (within {cost.error_share:.0%} on {cost.networks} published networks)"
    )
    yield f"{plan.profile}: {plan.words}, because {plan.why}"
    yield f"  foretold    {cost.latency_ms:.3g} ms a frame{within}; {cost.memory_mib:.0f} MiB"
    yield from (f"  {line}" for line in preflight_lines(plan.preflight))


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def inspection_page(found: Inspection) -> Iterator[str]:
    """What a person wants to know of a bundle, most important first."""
    manifest = found.manifest
    width, height = manifest.preprocessing.size_wh
    yield f"{manifest.release} for {manifest.profile} ({manifest.format}, {manifest.task})"
    yield f"  file        {found.path}, {size(found.bytes)}"
    yield f"  digest      {found.digest}"
    yield f"  signed by   {_signer(found)}"
    for keyid in found.signatures:
        if keyid != found.signer:
            yield f"  signature   {keyid}, not checked"
    yield f"  input       {width}x{height} {manifest.preprocessing.colour}, {manifest.inputs[0].dtype}"
    yield f"  labels      {len(manifest.labels)}: {_shortened(manifest.labels)}"
    yield from evidence_lines(manifest)
    if manifest.golden is not None:
        yield f"  golden      {manifest.golden.frames} frames, tolerance {manifest.golden.tolerance:.4f}"
    for kind, digest in manifest.lineage.items():
        yield f"  {kind:<12}{digest}"
    for member in manifest.members:
        yield f"  member      {member.name}, {size(member.size_bytes)}"
    if manifest.note:
        yield f"  note        {manifest.note}"
    if found.unsaid:
        yield f"  unsaid      {', '.join(found.unsaid)}"


def signed_page(report: SignReport) -> Iterator[str]:
    """What there is now, and whose signatures are on it."""
    yield f"{report.path}: {report.release} for {report.profile}, {size(report.bytes)}"
    yield f"  digest      {report.digest}"
    yield f"  signed by   {report.keyid}"
    for keyid in report.kept:
        yield f"  and by      {keyid}"
    for keyid in report.removed:
        yield f"  no more by  {keyid}"


def exported_page(report: ExportReport) -> Iterator[str]:
    """What a registry's tools will see."""
    yield f"oci:{report.path}:{report.tag}: {report.release} for {report.profile}, {size(report.bytes)}"
    yield f"  artifact    {report.digest}"
    yield f"  bundle      {report.bundle}"
    for name, kind in report.layers.items():
        yield f"  layer       {name}, {kind}"


def imported_page(report: ImportReport) -> Iterator[str]:
    """What there is now."""
    yield f"{report.path}: {report.release} for {report.profile}, {size(report.bytes)}"
    yield f"  digest      {report.digest}"


def delta_page(report: DeltaReport) -> Iterator[str]:
    """How small the delta is, and how each part was told."""
    yield f"{report.path}: {size(report.bytes)}, {report.share:.1%} of {report.release} for {report.profile}"
    yield f"  from        {report.base}"
    yield f"  to          {report.target}, {size(report.whole_bytes)}"
    for part in report.parts:
        methods = ", ".join(f"{told / part.size_bytes:.0%} {method}" for method, told in part.methods.items())
        yield f"  {part.name}: {size(part.stored_bytes)} for {size(part.size_bytes)} ({methods})"
    if report.note:
        yield report.note


def applied_page(report: ApplyReport) -> Iterator[str]:
    """What there is now, and what it cost."""
    yield f"{report.path}: {report.release} for {report.profile}, {size(report.bytes)}"
    yield f"  digest      {report.digest}, as the delta promised"
    yield f"  fetched     {size(report.delta_bytes)}, {report.share:.1%} of it"


def _row(bundle: BundleReport) -> tuple[str, ...]:
    name = f"{bundle.release.replace('@', '-')}-{bundle.profile}.bundle"
    verdict = "passed" if bundle.path else "passed, not written"
    return (name, bundle.recipe, size(bundle.bytes), verdict)


def _signer(found: Inspection) -> str:
    if found.signer is None:
        return "not checked; see edgeferry bundle verify"
    return f"{found.signer}{' (the development key: everybody has it)' if found.development else ''}"


def _shortened(labels: Sequence[str], most: int = 8) -> str:
    return ", ".join(labels[:most]) + (", …" if len(labels) > most else "")
