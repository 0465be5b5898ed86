"""An artifact and a profile become the bytes of one signed bundle: equal arguments give equal bytes.

Here stands only which member holds what.
"""

from __future__ import annotations

from msgspec.structs import replace

from contract import manifest as names
from contract.manifest import Manifest
from converters.artifacts import Artifact
from converters.card import bundle_card
from converters.evidence import evidence_of
from converters.sealing import sealed
from converters.source import Source
from devices.keys import Signer
from devices.profiles import Profile

UNCOMPILED = (
    "Not compiled for the Edge TPU: this int8 model runs on the CPU until edgetpu_compiler (x86-64 Debian) "
    "has made a compiled twin of it."
)


def bundle_manifest(source: Source, artifact: Artifact, profile: Profile, *, name: str, version: int) -> Manifest:
    """What the bundle promises, still without its members."""
    lineage = dict(source.lineage)
    if len(source.calibration.frames):
        lineage["calibration"] = source.calibration.digest
    return replace(
        artifact.draft,
        name=name,
        version=version,
        profile=profile.name,
        note=UNCOMPILED if profile.accelerator == "edgetpu" else "",
        recipe=artifact.recipe,
        evidence=evidence_of(artifact.verdict),
        lineage=lineage,
    )


def bundle_bytes(source: Source, artifact: Artifact, manifest: Manifest, signer: Signer) -> bytes:
    """The whole file, sealed and signed."""
    members = {
        manifest.model: artifact.model,
        names.LABELS: "".join(f"{label}\n" for label in manifest.labels).encode(),
        names.GOLDEN: artifact.golden,
        names.REFERENCE: artifact.reference,
        names.CARD: bundle_card(source.card, manifest, artifact.recipe, artifact.verdict),
    }
    there = {name: data for name, data in members.items() if data}
    return sealed(manifest, there, signer)
