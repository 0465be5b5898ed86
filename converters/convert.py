"""The whole way from a model to bundles, as one sentence; each verb of it is a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct
from msgspec.structs import replace

from contract.digest import digest_of
from contract.errors import ConfigError
from contract.manifest import Evidence, Format, Manifest, slug
from converters.artifacts import Artifact
from converters.bundling import bundle_bytes, bundle_manifest
from converters.calibration_lint import lint
from converters.finding import raise_errors
from converters.make import Say
from converters.page import artifact_rows, metric_name, write_page
from converters.plan import Plan, plan_of, plans_of_file
from converters.preflight.report import Preflight
from converters.promises import check_promises
from converters.recipe import Recipe
from converters.release_folder import check_folder, write_bundles
from converters.report import ArtifactRow
from converters.source import Source
from converters.sources import Asked, read_source
from converters.targets import target_for
from converters.verdict import Limits, Verdict
from converters.ways import origin_of
from converters.workshop import Judged, Workshop
from devices.keys import Signer
from devices.profiles import Profile
from edge.backends import SUFFIXES
from edge.bundles import UNVERIFIED, check_bundle


class Options(Struct, frozen=True, kw_only=True):
    """What a person may ask of a conversion."""

    profiles: tuple[Profile, ...]
    signer: Signer
    out: Path | None
    """None: convert and compare, write nothing."""
    version: int = 1
    name: str | None = None
    """None: as the source is called."""
    limits: Limits = Limits()
    also: tuple[Recipe, ...] = ()
    """Recipes to make and measure beside those the profiles need, for the table; one that is refused is only told."""
    page: Path | None = None
    """Where the page goes, whether the gate lets the model pass or not."""
    security_level: int = 0
    security_floor: int = 0
    """What the manifest says of both."""


class BundleReport(Struct, frozen=True, kw_only=True):
    """One bundle of a conversion."""

    profile: str
    format: Format
    recipe: Recipe
    path: str | None
    """None where nothing was written."""
    bytes: int
    digest: str
    release: str
    keyid: str
    note: str
    evidence: Evidence


class ArtifactReport(Struct, frozen=True, kw_only=True):
    """One model file of a conversion, bundled or made for comparison alone."""

    recipe: Recipe
    words: str
    """How it was made, where the recipe alone does not say it."""
    bytes: int
    latency_ms: float
    """Median on this machine, with one thread."""
    verdict: Verdict


class ConvertReport(Struct, frozen=True, kw_only=True):
    """What `edgeferry convert --json` prints."""

    source: str
    notes: tuple[str, ...]
    """What was taken from where."""
    plans: tuple[Plan, ...]
    """One a profile."""
    preflight: Preflight
    """Of the plans, the first one's for an accelerator, or the first."""
    bundles: tuple[BundleReport, ...] = ()
    """Empty where nothing could be compared, which only a dry run allows."""
    artifacts: tuple[ArtifactReport, ...] = ()
    table: tuple[ArtifactRow, ...] = ()
    """The same in few numbers, beside what was foretold."""
    metric: str = ""
    """What the table's metric is."""


def convert_model(model: Path, asked: Asked, options: Options, *, say: Say) -> ConvertReport:
    """Convert the run, file or folder `model`; a dry run of a bare file without pictures tells the plan alone.

    Raises what `convert_source` does, and ConfigError or ModelError where the model, or what was said of it, is wrong.
    """
    if options.out is None and asked.calibration is None and model.suffix in SUFFIXES and model.is_file():
        say("Nothing is compared without pictures (--calibration): this is the plan alone.")
        plans = plans_of_file(model, options.profiles)
        return ConvertReport(source=str(model), notes=(), plans=plans, preflight=foremost(options.profiles, plans))
    source = read_source(model, asked)
    for note in source.notes:
        say(note)
    return convert_source(source, options, say=say)


def convert_source(source: Source, options: Options, *, say: Say) -> ConvertReport:
    """Convert `source` and release one bundle a profile; `say` hears what is being done.

    Raises ConfigError for a version taken already, ModelError where a converter refused, GateError where an artifact
    is not the same model. Then nothing has been written but the page, where one was asked for.
    """
    _check_name(options.name)
    if options.out is not None:
        check_folder(options.out)
    _check_calibration(source, say)
    with TemporaryDirectory(prefix="edgeferry-convert-") as scratch:
        workshop = Workshop(source, Path(scratch), options.limits, say)
        plans: tuple[Plan, ...] = ()
        try:
            artifacts, plans = _made(workshop, source, options, say)
        finally:
            if options.page is not None:
                write_page(options.page, source, workshop, plans)
        table = artifact_rows(workshop.judged, plans)
        measured = tuple(map(_measured, workshop.judged))
    bundles = _released(source, options, artifacts)
    return ConvertReport(
        source=source.origin,
        notes=source.notes,
        plans=plans,
        preflight=foremost(options.profiles, plans),
        bundles=bundles,
        artifacts=measured,
        table=table,
        metric=metric_name(workshop.judged),
    )


def _made(
    workshop: Workshop, source: Source, options: Options, say: Say
) -> tuple[Sequence[Artifact], tuple[Plan, ...]]:
    """An artifact and a plan a profile, in their order."""
    origin = origin_of(source)
    targets = [target_for(profile, origin, where=source.origin) for profile in options.profiles]
    workshop.prepare(targets, options.also)
    say(f"Comparing with the original on {len(source.golden.frames)} pictures it was not calibrated on.")
    pairs = list(zip(targets, options.profiles, strict=True))
    artifacts = [workshop.artifact(target, reduced=profile.accelerator != "none") for target, profile in pairs]
    workshop.compare(options.also)
    plans = tuple(
        plan_of(artifact.model, artifact.draft.format, artifact.recipe, artifact.words, target, profile)
        for artifact, (target, profile) in zip(artifacts, pairs, strict=True)
    )
    return artifacts, plans


def _released(source: Source, options: Options, artifacts: Sequence[Artifact]) -> tuple[BundleReport, ...]:
    """Every bundle, sealed; and written, where there is a folder for them."""
    files: dict[str, bytes] = {}
    reports: list[BundleReport] = []
    for artifact, profile in zip(artifacts, options.profiles, strict=True):
        manifest = _manifest(source, artifact, profile, options)
        data = bundle_bytes(source, artifact, manifest, options.signer)
        where = f"the bundle for {manifest.profile}"
        check_promises(check_bundle(data, UNVERIFIED, where=where), where=where)
        files[manifest.file_name] = data
        reports.append(_report(manifest, data, artifact, options))
    if options.out is not None:
        write_bundles(options.out, files)
    return tuple(reports)


def _measured(judged: Judged) -> ArtifactReport:
    return ArtifactReport(
        recipe=judged.recipe,
        words=judged.words,
        bytes=len(judged.answered.model),
        latency_ms=round(judged.answered.latency_ms, 3),
        verdict=judged.verdict,
    )


def foremost(profiles: Sequence[Profile], plans: Sequence[Plan]) -> Preflight:
    """The pre-flight that matters most: an accelerator takes some models and leaves others."""
    pairs = list(zip(profiles, plans, strict=True))
    return next((plan.preflight for profile, plan in pairs if profile.accelerator != "none"), plans[0].preflight)


def _check_calibration(source: Source, say: Say) -> None:
    """DataError where the quantiser would learn from pictures it must not; warnings are said."""
    if source.quantised or not len(source.calibration.frames):
        return
    findings = lint(source.calibration, source.golden, source.labels, source.preprocessing)
    raise_errors(findings, where=f"calibration pictures of {source.origin}")
    for finding in findings:
        say(f"Calibration: {finding.what}. {finding.fix}")


def _check_name(name: str | None) -> None:
    if name is not None and name != slug(name):
        raise ConfigError(f"{name!r} cannot name a model", where="--name", fix=f"For example: {slug(name)}")


def _manifest(source: Source, artifact: Artifact, profile: Profile, options: Options) -> Manifest:
    manifest = bundle_manifest(source, artifact, profile, name=options.name or source.name, version=options.version)
    return replace(manifest, security_level=options.security_level, security_floor=options.security_floor)


def _report(manifest: Manifest, data: bytes, artifact: Artifact, options: Options) -> BundleReport:
    return BundleReport(
        profile=manifest.profile,
        format=manifest.format,
        recipe=artifact.recipe,
        path=None if options.out is None else str(options.out / manifest.file_name),
        bytes=len(data),
        digest=digest_of(data),
        release=manifest.release,
        keyid=options.signer.keyid,
        note=manifest.note,
        evidence=manifest.evidence,
    )
