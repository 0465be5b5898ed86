"""The whole way from a run to bundles, as one sentence; each verb of it is a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from contract.digest import digest_of
from contract.errors import ConfigError
from contract.manifest import Evidence, Format, Manifest, slug
from converters.artifacts import ANSWERS, Artifact, Say, convert, examine
from converters.bundling import bundle_bytes, bundle_manifest
from converters.calibration import calibration_from_folder
from converters.gate import Limits
from converters.release_folder import check_folder, write_bundles
from converters.runs import Pictures, Run, read_run
from devices.keys import Signer
from devices.profiles import Profile


class Options(Struct, frozen=True, kw_only=True):
    """What a person may ask of a conversion."""

    profiles: tuple[Profile, ...]
    signer: Signer
    out: Path | None
    """None: convert and compare, write nothing."""
    version: int = 1
    name: str | None = None
    """None: as the run is called."""
    calibration: Path | None = None
    """A folder of pictures; None: those the run kept."""
    limits: Limits = Limits()
    security_level: int = 0
    security_floor: int = 0
    """What the manifest says of both."""


class BundleReport(Struct, frozen=True, kw_only=True):
    """One bundle of a conversion."""

    profile: str
    format: Format
    path: str | None
    """None where nothing was written."""
    bytes: int
    digest: str
    release: str
    keyid: str
    note: str
    evidence: Evidence


class ConvertReport(Struct, frozen=True, kw_only=True):
    """What `edgeferry convert --json` prints."""

    bundles: tuple[BundleReport, ...]


def convert_run(folder: Path, options: Options, *, say: Say) -> ConvertReport:
    """Convert the run in `folder` and release one bundle a profile; `say` hears what is being done.

    Raises ConfigError for a folder that is no finished run or a version taken already, ModelError where a converter
    refused, GateError where an artifact is not the same model. Then nothing has been written.
    """
    _check_name(options.name)
    if options.out is not None:
        check_folder(options.out)
    run = read_run(folder)
    calibration = _calibration(run, options.calibration)
    artifacts = _artifacts(run, calibration, options, say)
    reports: list[BundleReport] = []
    files: dict[str, bytes] = {}
    for profile in options.profiles:
        artifact = artifacts[profile.preferred_format]
        manifest = _manifest(run, artifact, profile, calibration, options)
        data = bundle_bytes(run, artifact, manifest, options.signer)
        files[manifest.file_name] = data
        reports.append(_report(manifest, data, options))
    if options.out is not None:
        write_bundles(options.out, files)
    return ConvertReport(bundles=tuple(reports))


def _check_name(name: str | None) -> None:
    if name is not None and name != slug(name):
        raise ConfigError(f"{name!r} cannot name a model", where="--name", fix=f"For example: {slug(name)}")


def _calibration(run: Run, folder: Path | None) -> Pictures:
    return run.calibration if folder is None else calibration_from_folder(folder, run.settings.preprocessing)


def _artifacts(run: Run, calibration: Pictures, options: Options, say: Say) -> dict[Format, Artifact]:
    """One a format, each through the gate."""
    formats: Sequence[Format] = [profile.preferred_format for profile in options.profiles]
    with TemporaryDirectory(prefix="edgeferry-convert-") as scratch:
        models = convert(run, formats, calibration, Path(scratch), say)
        source = np.load(Path(scratch, ANSWERS))
    say(f"Comparing with the original on {len(run.golden.labels)} pictures held back from training.")
    return {format: examine(run, format, model, source, options.limits) for format, model in models.items()}


def _manifest(run: Run, artifact: Artifact, profile: Profile, calibration: Pictures, options: Options) -> Manifest:
    name = options.name or run.settings.name
    manifest = bundle_manifest(run, artifact, profile, calibration, name=name, version=options.version)
    return replace(manifest, security_level=options.security_level, security_floor=options.security_floor)


def _report(manifest: Manifest, data: bytes, options: Options) -> BundleReport:
    return BundleReport(
        profile=manifest.profile,
        format=manifest.format,
        path=None if options.out is None else str(options.out / manifest.file_name),
        bytes=len(data),
        digest=digest_of(data),
        release=manifest.release,
        keyid=options.signer.keyid,
        note=manifest.note,
        evidence=manifest.evidence,
    )
