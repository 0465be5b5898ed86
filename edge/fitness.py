"""Whether a bundle may be installed on this device at all: its profile, its release, its security level."""

from __future__ import annotations

from contract.errors import UpdateError
from contract.manifest import Manifest
from contract.messages import Assignment
from edge.download import DownloadError


class ProfileError(UpdateError):
    """A bundle made for another kind of device."""


class FloorError(UpdateError):
    """A bundle known to be dangerous."""


def check_profile(manifest: Manifest, profile: str) -> None:
    """ProfileError where the bundle is for another kind of device."""
    if manifest.profile != profile:
        raise ProfileError(
            f"{manifest.release} is made for {manifest.profile}, and this is a {profile}",
            where="manifest.json",
            fix=f"Convert the model for {profile}.",
        )


def check_release(manifest: Manifest, assignment: Assignment) -> None:
    """DownloadError where another release was assigned."""
    if (manifest.name, manifest.version) != (assignment.name, assignment.version):
        raise DownloadError(
            f"it is {manifest.release}, and {assignment.name}@{assignment.version} was assigned",
            where=assignment.url,
            fix="Release the bundle anew and assign that.",
        )


def check_floor(manifest: Manifest, floor: int) -> None:
    """FloorError where the bundle's security level is below `floor`."""
    if manifest.security_level < floor:
        raise FloorError(
            f"{manifest.release} has security level {manifest.security_level}, and {floor} is asked here",
            where="manifest.json",
            fix="Convert the model again with --security-level, if it is safe.",
        )
