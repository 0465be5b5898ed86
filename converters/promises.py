"""Whether what a sealed bundle says of its model is true of that very model, before it leaves.

Digests and signature only say that nobody changed the bundle since. Golden frames of another model, a list of labels
that is not the manifest's, or the drift reference of another format are signed as well as right ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from contract import reference as references
from contract.errors import BundleError
from contract.manifest import GOLDEN, LABELS, REFERENCE, Manifest
from edge.bundles import CheckedBundle
from edge.golden import check_golden
from edge.model import load_model


def check_promises(bundle: CheckedBundle, *, where: str) -> None:
    """Run the golden frames and read what lies beside the model.

    Raises ModelError where the file is not what the manifest says, GoldenError where it answers otherwise than
    promised, BundleError where a member belongs to another model.
    """
    with closing(load_model(bundle.manifest, bundle.digest, bundle.model, device="cpu")) as loaded:
        if bundle.manifest.golden is not None:
            check_golden(loaded, bundle.members[GOLDEN])
    for problem in _strangers(bundle.manifest, bundle.members):
        raise BundleError(problem, where=where, fix="Convert the model again.")


def _strangers(manifest: Manifest, members: dict[str, bytes]) -> Iterator[str]:
    """Members that speak of another model, in words."""
    if LABELS in members and members[LABELS].decode(errors="replace").splitlines() != list(manifest.labels):
        yield f"{LABELS} are not the labels of the manifest"
    if REFERENCE not in members:
        return
    reference = references.parse(members[REFERENCE], where=REFERENCE)
    if reference.made_with != manifest.format:
        yield f"{REFERENCE} was measured with a {reference.made_with} model, and this one is {manifest.format}"
    # A class without a label is called by its number.
    if not manifest.labels:
        return
    if strange := sorted(set(reference.classes) - set(manifest.labels)):
        yield f"{REFERENCE} knows a class {strange[0]!r}, which this model does not have"
