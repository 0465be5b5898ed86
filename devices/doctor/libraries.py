"""Which inference libraries are installed, whether their versions are known to be bad here, and what each answers.

Versions come from the packages' own records, read without importing anything; the trial in a child process is what
counts, and a known cause makes its sentence and its remedy better.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection, Iterator
from importlib import metadata
from typing import NamedTuple

from contract.manifest import Format
from devices.doctor.case import Case
from devices.doctor.finding import Finding, bad, ok, warn
from devices.doctor.trial import MODELS, try_library
from devices.profiles import Package, Profile
from devices.versions import satisfies


class Library(NamedTuple):
    """One library the runtime can use."""

    module: str
    packages: tuple[str, ...]
    """Under which names it is published; the first is the one we ask for."""
    format: Format | None
    model: str
    install: str


LIBRARIES = (
    Library("numpy", ("numpy",), None, "", "pip install numpy"),
    Library(
        "ai_edge_litert",
        ("ai-edge-litert", "ai-edge-litert-nightly"),
        "tflite",
        "probe.tflite",
        "pip install ai-edge-litert",
    ),
    Library(
        "tflite_runtime",
        ("tflite-runtime", "tflite-runtime-nightly"),
        "tflite",
        "probe.tflite",
        "pip install 'edgeferry[tflite-runtime]'",
    ),
    Library(
        "onnxruntime",
        ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino"),
        "onnx",
        "probe.onnx",
        "pip install 'edgeferry[onnx]'",
    ),
    Library(
        "cv2",
        (
            "opencv-python-headless",
            "opencv-python",
            "opencv-contrib-python-headless",
            "opencv-contrib-python",
            "opencv",
        ),
        None,
        "",
        "pip install 'edgeferry[camera]'",
    ),
)
"""In the order the runtime prefers them."""


class Cause(NamedTuple):
    """Why an installed version cannot be expected to work."""

    why: str
    fix: str
    certain: bool
    """It is known to fail here, even if it has answered once."""


class Verdict(NamedTuple):
    """What is to be said about a library, and whether it answered, doubtful or not."""

    finding: Finding
    works: bool


def library_findings(case: Case, *, deadline_s: float) -> Iterator[Finding]:
    """One finding a library, and one for each format this device is meant for."""
    working: set[str] = set()
    for library in LIBRARIES:
        verdict = judge(case, library, working, deadline_s=deadline_s)
        if verdict.works:
            working.add(library.module)
        yield verdict.finding
    if case.profile is not None:
        yield from format_findings(case.profile, working)


def judge(case: Case, library: Library, working: Collection[str], *, deadline_s: float) -> Verdict:
    """Try one library, when those in `working` are known to answer."""
    if not is_installed(library.module):
        return Verdict(_absent(library), works=False)
    version = _version(library.packages)
    argument = str(MODELS / library.model) if library.model else ""
    outcome = try_library(library.module, argument, deadline_s=deadline_s)
    cause, named = known_cause(case, library, version), f"{library.module} {version or 'of unknown version'}"
    if outcome.failure:
        what = f"{named} does not work: {outcome.failure}" + (f"; {cause.why}" if cause else "")
        say = warn if _is_spare(case, library, working) else bad
        return Verdict(say(library.module, what, cause.fix if cause else f"Install it anew: {library.install}"), False)
    if cause is not None:
        say = bad if cause.certain else warn
        return Verdict(say(library.module, f"{named} answers, but {cause.why}", cause.fix), True)
    said = f"{named} answers rightly ({outcome.seconds:.1f} s with its start)"
    twice = [name for name in library.packages if _version((name,))]
    if len(twice) > 1:
        fix = f"pip uninstall {' '.join(twice[1:])}, then install {twice[0]} anew."
        return Verdict(warn(library.module, f"{said}, but {' and '.join(twice)} overwrite each other", fix), True)
    return Verdict(ok(library.module, said), True)


def is_installed(module: str) -> bool:
    """Whether Python would find it; nothing is imported."""
    return importlib.util.find_spec(module) is not None


def known_cause(case: Case, library: Library, version: str | None) -> Cause | None:
    """Why the profile says this version does not work here; None where it says nothing."""
    if version is None:
        return None
    for package in _entries(case, library):
        if any(satisfies(version, f"=={each}") for each in package.known_bad):
            return Cause(f"{version} {package.why_bad} on this board", _asked(package), certain=True)
        if not satisfies(version, package.versions):
            why = f"{version} is not among the versions known to work here, {package.versions}"
            return Cause(why, _asked(package), certain=False)
    for conflict in (conflict for profile in case.profiles for conflict in profile.conflict):
        beside = _version((conflict.beside,))
        if conflict.package in library.packages and beside and satisfies(beside, conflict.versions):
            why = f"it does not work beside {conflict.beside} {beside}: {conflict.why}"
            return Cause(why, conflict.fix, certain=True)
    return None


def _absent(library: Library) -> Finding:
    if library.module == "numpy":
        return bad("numpy", "numpy is not installed, and every model needs it", library.install)
    if library.module == "cv2":
        what = "OpenCV is not installed: cameras and videos cannot be read by it, pictures and pipe: can"
        return warn("cv2", what, f"{library.install}, or python3-opencv of the distribution.")
    return ok(library.module, f"{library.module} is not installed")


def format_findings(profile: Profile, working: Collection[str]) -> Iterator[Finding]:
    """For each format the profile's bundles may have, what runs it."""
    for format in profile.formats:
        serving = [library for library in LIBRARIES if library.format == format]
        works = [library.module for library in serving if library.module in working]
        if works:
            yield ok(f"{format} bundles", f"{works[0]} runs them")
        elif format == profile.preferred_format:
            what = f"no installed library runs them, and bundles for {profile.name} are {format}"
            yield bad(f"{format} bundles", what, _fitting(profile, serving))
        else:
            yield ok(f"{format} bundles", f"nothing runs them; bundles for {profile.name} are not {format}")


def _fitting(profile: Profile, serving: list[Library]) -> str:
    """The first library of the profile that has a wheel for this interpreter."""
    python = ".".join(map(str, sys.version_info[:3]))
    for package in profile.package:
        library = next((library for library in serving if package.name in library.packages), None)
        if library and not package.machine and satisfies(python, package.python):
            return _asked(package)
    return f"No library of the profile has a wheel for Python {python}; use one of {profile.system[0].name}."


def _is_spare(case: Case, library: Library, working: Collection[str]) -> bool:
    """Whether the device does without: another library serves the format, or the profile does not have it."""
    if library.format is None:
        return False
    others = {other.module for other in LIBRARIES if other.format == library.format}
    return bool(others & set(working)) or (case.profile is not None and library.format not in case.profile.formats)


def _entries(case: Case, library: Library) -> list[Package]:
    """What the profiles that hold here say about the library."""
    found = [package for profile in case.profiles for package in profile.package]
    return [package for package in found if package.name in library.packages and not package.machine]


def _asked(package: Package) -> str:
    """How pip is asked for it, without the versions that must not be installed."""
    bans = "".join(f",!={version}" for version in package.known_bad)
    return f"pip install '{package.name}{package.versions}{bans}'"


def _version(packages: tuple[str, ...]) -> str | None:
    """The installed version by the packages' records; None where none of them is recorded."""
    return next(filter(None, map(_recorded, packages)), None)


def _recorded(package: str) -> str | None:
    """None as well for a record whose version is no number, as home-made builds have."""
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
    return version if version and version[0].isdigit() else None
