"""What is installed on a device, and from which wheels: the profile's inference libraries, and what was asked for.

Known bad versions are kept out by a constraints file, which holds for whatever asks for the package.
"""

from __future__ import annotations

from pathlib import Path

from contract import __version__
from contract.errors import ConfigError
from devices.profiles import Package, Profile
from devices.settings import Settings

_SELF = "edgeferry"


def requirements(settings: Settings, profile: Profile) -> bytes:
    """`requirements.txt` (pip): edgeferry at this very version, the profile's libraries, further packages."""
    extras = f"[{','.join(settings.extras)}]" if settings.extras else ""
    lines = [f"{_SELF}{extras}=={__version__}", *(package.name for package in profile.package), *settings.packages]
    return ("\n".join(lines) + "\n").encode()


def constraints(profile: Profile) -> bytes:
    """`constraints.txt` (pip): which versions of the profile's libraries may be installed, whoever asks for them."""
    return "".join(f"{_comment(package)}{_bounds(package)}\n" for package in profile.package).encode()


def fitting_wheels(folder: Path, architecture: str) -> list[Path]:
    """The wheels in `folder` that this architecture can use, by name; ConfigError where edgeferry's is not among them.

    Platform tags end in the architecture (packaging.python.org, platform compatibility tags). Which Python the device
    has is not known here: a wheelhouse may hold wheels for several.
    """
    try:
        names = sorted(path for path in folder.iterdir() if path.suffix == ".whl")
    except OSError as problem:
        raise ConfigError(
            f"the wheelhouse cannot be read: {problem.strerror}", where=str(folder), fix="Check the path."
        ) from problem
    fitting = [path for path in names if _fits(path.stem, architecture)]
    if not any(path.name.startswith(f"{_SELF}-{__version__}-") for path in fitting):
        raise ConfigError(
            f"there is no wheel of {_SELF} {__version__} in it",
            where=str(folder),
            fix=f"Fill it: pip download --dest {folder} {_SELF}=={__version__}",
        )
    return fitting


def _fits(stem: str, architecture: str) -> bool:
    platform = stem.rpartition("-")[2]
    return platform == "any" or architecture == "any" or platform.endswith(f"_{architecture}")


def _bounds(package: Package) -> str:
    return ",".join([f"{package.name}{package.versions}", *(f"!={version}" for version in package.known_bad)])


def _comment(package: Package) -> str:
    return f"# never {', '.join(package.known_bad)}: {package.why_bad}\n" if package.known_bad else ""
