"""From two bundles to the delta between them, and from one and a delta to the other: whole files or none.

A delta is applied by the device's own code before it gets its name, so what is written leads to its bundle. It is
never much larger than the bundle: what nothing old helps with is told whole, compressed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from contract.delta import Header, fits, is_delta, read_header, write_delta
from contract.digest import digest_of
from contract.errors import BundleError, ConfigError
from contract.manifest import NAME
from converters.delta_plan import Files, Part, files_of, plan, sources_of
from converters.out_file import beside, check_out, give_name
from edge.bundles import UNVERIFIED, check_bundle
from edge.delta import apply_delta
from edge.durable import Disk, disk_error

HARDLY_PAYS = 0.6
"""Share of the whole; a bundle compressed by itself is about three quarters of it."""


class PartReport(Struct, frozen=True, kw_only=True):
    """How one member was told, or everything small together."""

    name: str
    size_bytes: int
    stored_bytes: int
    methods: dict[str, int]
    """Bytes of the target that each method told; `whole` is a patch without a reference."""


class DeltaReport(Struct, frozen=True, kw_only=True):
    """What `edgeferry bundle diff --json` prints."""

    path: str
    digest: str
    """Of the delta's file."""
    bytes: int
    base: str
    target: str
    release: str
    profile: str
    whole_bytes: int
    """Of the target bundle."""
    share: float
    """The delta's size over the whole's."""
    parts: tuple[PartReport, ...]
    note: str
    """Where the delta hardly pays, or leads to an older version."""


class ApplyReport(Struct, frozen=True, kw_only=True):
    """What `edgeferry bundle apply --json` prints."""

    path: str
    digest: str
    bytes: int
    release: str
    profile: str
    delta_bytes: int
    share: float


def make_delta(base: Path, target: Path, out: Path) -> DeltaReport:
    """Write the delta that leads from the bundle `base` to the bundle `target` into `out`.

    Signatures are not looked at: the device asks who signed the result. Takes some seconds a megabyte. Raises
    BundleError for a file that is no bundle, ConfigError for two bundles no device would go between, or an `out`
    that cannot be.
    """
    check_out(out, base, target)
    old, new = _bundle(base), _bundle(target)
    if old.data == new.data:
        raise ConfigError("both files are the same bundle", where=str(target), fix="Give another NEW.")
    if old.manifest.profile != new.manifest.profile:
        raise ConfigError(
            f"OLD is for {old.manifest.profile} and NEW for {new.manifest.profile}, and no device holds both",
            where=str(target),
            fix="Give two bundles for one profile.",
        )
    with beside(out, "new") as waiting, beside(out, "proof") as proof:
        parts, header = _write(old, new, waiting)
        apply_delta(waiting, base, proof, disk=Disk())
        report = _report(out, waiting.read_bytes(), parts, header, old)
        give_name(waiting, out)
    return report


def apply(base: Path, delta: Path, out: Path) -> ApplyReport:
    """Write the bundle that `delta` makes of the bundle (or slot folder) `base` into `out`.

    Raises what `edge.delta.apply_delta` raises, and ConfigError for files in the wrong order or an impossible `out`.
    """
    check_out(out, base, delta)
    if not base.is_dir():
        _refuse_delta(_read(base), base)
    with beside(out, "new") as waiting:
        apply_delta(delta, base, waiting, disk=Disk())
        with delta.open("rb") as stream:
            header = read_header(stream, where=str(delta))
        give_name(waiting, out)
    size = delta.stat().st_size
    return ApplyReport(
        path=str(out),
        digest=header.target,
        bytes=header.size_bytes,
        release=header.release,
        profile=header.profile,
        delta_bytes=size,
        share=size / header.size_bytes,
    )


def _write(old: Files, new: Files, path: Path) -> tuple[list[Part], Header]:
    """The delta in `path`, aligned by tensors unless so many that the header would not be read."""
    for aligned in (True, False):
        parts = plan(old, new, aligned=aligned)
        told = [one for part in parts for one in part.told]
        header = Header(
            base=digest_of(old.data),
            base_manifest=digest_of(old.read(NAME)),
            target=digest_of(new.data),
            size_bytes=len(new.data),
            name=new.manifest.name,
            version=new.manifest.version,
            profile=new.manifest.profile,
            sources=sources_of(old),
            segments=tuple(one.segment for one in told),
        )
        if fits(header):
            break
    try:
        with path.open("wb") as stream:
            write_delta(stream, header, (one.blob for one in told))
        Disk().sync(path)
    except OSError as problem:
        raise disk_error("writing the delta", path, problem) from problem
    return parts, header


def _report(out: Path, delta: bytes, parts: list[Part], header: Header, old: Files) -> DeltaReport:
    share = len(delta) / header.size_bytes
    return DeltaReport(
        path=str(out),
        digest=digest_of(delta),
        bytes=len(delta),
        base=header.base,
        target=header.target,
        release=header.release,
        profile=header.profile,
        whole_bytes=header.size_bytes,
        share=share,
        parts=tuple(_part_reports(parts)),
        note=_note(share, header, old),
    )


def _part_reports(parts: list[Part]) -> Iterator[PartReport]:
    """One a name: what is small lies in several places."""
    for name in dict.fromkeys(part.name for part in parts):
        segments = [told.segment for part in parts if part.name == name for told in part.told]
        methods: Counter[str] = Counter()
        for segment in segments:
            alone = segment.method == "patch" and not segment.reference
            methods["whole" if alone else segment.method] += segment.size_bytes
        yield PartReport(
            name=name,
            size_bytes=sum(segment.size_bytes for segment in segments),
            stored_bytes=sum(segment.stored_bytes for segment in segments),
            methods=dict(methods),
        )


def _note(share: float, header: Header, old: Files) -> str:
    notes = []
    if old.manifest.name != header.name:
        notes.append(f"OLD is {old.manifest.release}, another model than {header.release}.")
    elif old.manifest.version > header.version:
        notes.append(f"NEW is older than OLD: this leads back from {old.manifest.release}.")
    if share >= HARDLY_PAYS:
        notes.append("It hardly pays: the two models share too little, and most is told whole, compressed.")
    return " ".join(notes)


def _bundle(path: Path) -> Files:
    data = _read(path)
    _refuse_delta(data, path)
    return files_of(data, check_bundle(data, UNVERIFIED, where=str(path)).manifest)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise BundleError(
            f"the bundle cannot be read: {problem.strerror}", where=str(path), fix="Check the path and its permissions."
        ) from problem


def _refuse_delta(data: bytes, path: Path) -> None:
    if is_delta(data):
        raise ConfigError("this is a delta, and a bundle is needed", where=str(path), fix="Give the bundle OLD first.")
