"""How an assigned bundle becomes a tested model beside the one that serves: fetched, checked, loaded, asked.

Each function is one step of the walk and changes nothing that serves; the order, the records and the switch are
`edge/updater.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from contract import manifest as manifests
from contract.digest import hex_of
from contract.dsse import Verifier
from contract.errors import UpdateError
from contract.messages import Assignment
from edge.bundles import CheckedBundle, read_bundle
from edge.deadline import Deadline
from edge.download import DownloadError, Wanted, fetch
from edge.durable import Disk, disk_error
from edge.golden import check_golden
from edge.loading import Loading
from edge.model import LoadedModel
from edge.slots import Slot


class ProfileError(UpdateError):
    """A bundle made for another kind of device."""


def fetched(assignment: Assignment, folder: Path, *, deadline: Deadline, disk: Disk) -> Path:
    """The bundle's file in `folder`; what was left there of other assignments is deleted."""
    part = folder / f"{hex_of(assignment.digest)}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for other in folder.iterdir():
            if other != part:
                other.unlink()
    except OSError as problem:
        raise disk_error("making room for the download", folder, problem) from problem
    wanted = Wanted(assignment.url, assignment.digest, assignment.size_bytes)
    return fetch(wanted, part, deadline=deadline, disk=disk)


def checked(file: Path, publishers: Mapping[str, Verifier], *, profile: str, assignment: Assignment) -> CheckedBundle:
    """The bundle in `file`, whole, signed by a publisher, for this profile, and the release that was assigned."""
    bundle = read_bundle(file, publishers)
    found = bundle.manifest
    check_profile(bundle, profile)
    if (found.name, found.version) != (assignment.name, assignment.version):
        raise DownloadError(
            f"it is {found.release}, and {assignment.name}@{assignment.version} was assigned",
            where=assignment.url,
            fix="Release the bundle anew and assign that.",
        )
    return bundle


def check_profile(bundle: CheckedBundle, profile: str) -> None:
    """ProfileError where the bundle is for another kind of device."""
    if bundle.manifest.profile != profile:
        raise ProfileError(
            f"{bundle.manifest.release} is made for {bundle.manifest.profile}, and this is a {profile}",
            where="manifest.json",
            fix=f"Convert the model for {profile}.",
        )


def tested(slot: Slot, loading: Loading) -> LoadedModel:
    """The slot's model, loaded, its golden frames answered as promised. BackendError, ModelError, GoldenError."""
    model = loading.open(slot.manifest, slot.digest, slot.model)
    if slot.manifest.golden is not None:
        check_golden(model, slot.member(manifests.GOLDEN))
    return model
