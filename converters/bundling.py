"""An artifact and a profile become the bytes of one signed bundle: equal arguments give equal bytes.

Here stands only which member holds what.
"""

from __future__ import annotations

from msgspec.structs import replace

from contract import manifest as names
from contract.manifest import Evidence, Manifest
from converters.artifacts import Artifact
from converters.card import bundle_card
from converters.runs import Pictures, Run
from converters.sealing import sealed
from devices.keys import Signer
from devices.profiles import Profile

UNCOMPILED = (
    "Not compiled for the Edge TPU: this int8 model runs on the CPU until edgetpu_compiler (x86-64 Debian) "
    "has made a compiled twin of it."
)


def bundle_manifest(
    run: Run, artifact: Artifact, profile: Profile, calibration: Pictures, *, name: str, version: int
) -> Manifest:
    """What the bundle promises, still without its members."""
    return replace(
        artifact.draft,
        name=name,
        version=version,
        profile=profile.name,
        note=UNCOMPILED if profile.accelerator == "edgetpu" else "",
        evidence=Evidence(
            pictures=artifact.comparison.pictures,
            source=artifact.comparison.source_accuracy,
            artifact=artifact.comparison.artifact_accuracy,
            agreement=artifact.comparison.agreement,
        ),
        lineage={
            "weights": run.metrics.weights,
            "dataset": run.dataset.digest,
            "calibration": calibration.digest,
        },
    )


def bundle_bytes(run: Run, artifact: Artifact, manifest: Manifest, signer: Signer) -> bytes:
    """The whole file, sealed and signed."""
    members = {
        manifest.model: artifact.model,
        names.LABELS: "".join(f"{label}\n" for label in manifest.labels).encode(),
        names.GOLDEN: artifact.golden,
        names.REFERENCE: artifact.reference,
        names.CARD: bundle_card(run.card, manifest, artifact.comparison),
    }
    return sealed(manifest, members, signer)
