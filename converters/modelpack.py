"""A bundle's files as one ModelPack artifact, so that a container registry can keep models: documents only, no files.

Follows the CNCF ModelPack specification 0.0.7 (github.com/modelpack/model-spec: `docs/spec.md`, `docs/config.md`,
`specs-go/v1`) on top of the OCI image specification 1.1. Each file of the bundle is one raw layer, so an unchanged
labels file is not stored twice and a reader can fetch the model alone. No moment is written, so equal bundles give
equal artifacts; the bundle's bytes follow from its files, so it comes back byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Literal

from msgspec import UNSET, Struct, UnsetType, field

from contract import manifest as names
from contract.codec import to_pretty_json
from contract.digest import digest_of
from contract.manifest import Manifest

ARTIFACT = "application/vnd.cncf.model.manifest.v1+json"
CONFIG = "application/vnd.cncf.model.config.v1+json"
WEIGHT = "application/vnd.cncf.model.weight.v1.raw"
WEIGHT_CONFIG = "application/vnd.cncf.model.weight.config.v1.raw"
DOC = "application/vnd.cncf.model.doc.v1.raw"
DATASET = "application/vnd.cncf.model.dataset.v1.raw"
IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
IMAGE_INDEX = "application/vnd.oci.image.index.v1+json"

FILEPATH = "org.cncf.model.filepath"
TITLE = "org.opencontainers.image.title"
"""What `oras pull` calls the file; ModelPack's tools read `FILEPATH`."""
VERSION = "org.opencontainers.image.version"
REF_NAME = "org.opencontainers.image.ref.name"
BUNDLE = "io.github.edgeferry.bundle.file"
DIGEST = "io.github.edgeferry.bundle.digest"
PROFILE = "io.github.edgeferry.profile"

_WEIGHTS = frozenset({".tflite", ".onnx", ".data"})
_KINDS = {names.CARD: DOC, names.GOLDEN: DATASET}
"""Golden frames are data the model needs later in its life. What is neither here nor weights, configures them."""


class Descriptor(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One blob, as OCI documents speak of it."""

    media_type: str
    artifact_type: str = ""
    digest: names.Digest
    size: names.Count
    annotations: dict[str, str] = {}


class ImageManifest(Struct, frozen=True, kw_only=True, rename="camel"):
    """The artifact: which blobs, and what each is."""

    schema_version: Literal[2]
    media_type: str = IMAGE_MANIFEST
    artifact_type: str = ""
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: dict[str, str] = {}


class ImageIndex(Struct, frozen=True, kw_only=True, rename="camel"):
    """`index.json`: the artifacts of a layout."""

    schema_version: Literal[2]
    media_type: str = IMAGE_INDEX
    manifests: tuple[Descriptor, ...]


class _Descriptor(Struct, frozen=True, kw_only=True):
    name: str
    version: str
    title: str
    description: str | UnsetType = UNSET


class _Capabilities(Struct, frozen=True, kw_only=True, rename="camel"):
    input_types: tuple[str, ...] = ("image",)
    output_types: tuple[str, ...] = ("other",)


class _Technical(Struct, frozen=True, kw_only=True):
    format: str
    precision: str | UnsetType = UNSET
    capabilities: _Capabilities = _Capabilities()


class _Layers(Struct, frozen=True, kw_only=True, rename="camel"):
    type: Literal["layers"] = "layers"
    diff_ids: tuple[str, ...]


class ModelConfig(Struct, frozen=True, kw_only=True):
    """What a registry's page shows of a model, in the specification's words."""

    descriptor: _Descriptor
    config: _Technical
    modelfs: _Layers


class Artifact(Struct, frozen=True, kw_only=True):
    """Everything that goes into a layout: the blobs by digest, and the index that names the artifact."""

    index: ImageIndex
    blobs: dict[str, bytes] = field(default_factory=dict)


def artifact_of(manifest: Manifest, files: Mapping[str, bytes], *, bundle_digest: str) -> Artifact:
    """The artifact of a bundle whose files, manifest and signature among them, are `files` in the bundle's order."""
    layers = tuple(_blob(kind_of(name), data, {FILEPATH: name, TITLE: name}) for name, data in files.items())
    config = to_pretty_json(_config(manifest, [layer.digest for layer in layers]))
    image = to_pretty_json(
        ImageManifest(
            schema_version=2,
            artifact_type=ARTIFACT,
            config=_blob(CONFIG, config),
            layers=layers,
            annotations=_annotations(manifest, bundle_digest),
        )
    )
    tag = {REF_NAME: tag_of(manifest)}
    entry = Descriptor(
        media_type=IMAGE_MANIFEST, artifact_type=ARTIFACT, digest=digest_of(image), size=len(image), annotations=tag
    )
    blobs = {digest_of(data): data for data in (image, config, *files.values())}
    return Artifact(index=ImageIndex(schema_version=2, manifests=(entry,)), blobs=blobs)


def tag_of(manifest: Manifest) -> str:
    """What a registry may call it: `VERSION-PROFILE`, in the characters a tag may have."""
    return f"{manifest.version}-{names.slug(manifest.profile)}"


def kind_of(name: str) -> str:
    """The media type of one file of a bundle."""
    if PurePosixPath(name).suffix in _WEIGHTS:
        return WEIGHT
    return _KINDS.get(name, WEIGHT_CONFIG)


def _blob(kind: str, data: bytes, annotations: dict[str, str] | None = None) -> Descriptor:
    return Descriptor(media_type=kind, digest=digest_of(data), size=len(data), annotations=annotations or {})


def _annotations(manifest: Manifest, bundle_digest: str) -> dict[str, str]:
    return {
        TITLE: manifest.name,
        VERSION: str(manifest.version),
        PROFILE: manifest.profile,
        BUNDLE: manifest.file_name,
        DIGEST: bundle_digest,
    }


def _config(manifest: Manifest, diff_ids: Sequence[str]) -> ModelConfig:
    return ModelConfig(
        descriptor=_Descriptor(
            name=manifest.name,
            version=str(manifest.version),
            title=f"{manifest.release} for {manifest.profile}",
            description=manifest.note or UNSET,
        ),
        config=_Technical(format=manifest.format, precision=_precision(manifest)),
        # Raw layers are not compressed: what is stored is what is meant.
        modelfs=_Layers(diff_ids=tuple(diff_ids)),
    )


def _precision(manifest: Manifest) -> str | UnsetType:
    """How numbers are stored, where the bundle says so: `int8` of `tflite-int8`."""
    if not isinstance(manifest.recipe, str):
        return UNSET
    return manifest.recipe.rpartition("-")[2] or UNSET
