"""`oci:FOLDER`: a bundle as an OCI image layout, written for registries' tools and read back byte for byte.

    FOLDER/oci-layout, FOLDER/index.json, FOLDER/blobs/sha256/HEX

`skopeo copy oci:FOLDER docker://HOST/NAME:TAG` takes it to a registry and back (OCI image specification 1.1,
`image-layout.md`). What comes back is a stranger's: every blob is checked against its digest, and the bundle made of
them by the reader every device uses. What the documents say stands in `converters/modelpack.py`.
"""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from contract import manifest as names
from contract.bundle import LIMIT_BYTES, SIGNATURE, SMALL_BYTES, open_bundle, wrap
from contract.codec import from_json, plain, to_pretty_json
from contract.digest import digest_of, hex_of
from contract.errors import BundleError, ConfigError
from contract.manifest import MOST_MEMBERS, Manifest
from converters import modelpack
from converters.modelpack import Artifact, Descriptor, ImageIndex, ImageManifest
from converters.out_file import check_out, write_out
from edge.bundles import UNVERIFIED, check_bundle, read_file
from edge.durable import Disk, disk_error

T = TypeVar("T")
SCHEME = "oci:"
LAYOUT = "oci-layout"
LAYOUT_VERSION = "1.0.0"
INDEX = "index.json"
BLOBS = Path("blobs/sha256")


class ExportReport(Struct, frozen=True, kw_only=True):
    """What `edgeferry bundle export --json` prints."""

    path: str
    tag: str
    digest: str
    """Of the artifact's manifest: what a registry calls it by."""
    bundle: str
    """Digest of the bundle."""
    release: str
    profile: str
    layers: dict[str, str]
    """Media type by file."""
    bytes: int
    """Of all blobs."""


class ImportReport(Struct, frozen=True, kw_only=True):
    """What `edgeferry bundle import --json` prints."""

    path: str
    digest: str
    bytes: int
    release: str
    profile: str


class _Layout(Struct, frozen=True, rename="camel"):
    image_layout_version: str


def oci_folder(text: str) -> Path:
    """The folder that `oci:FOLDER` names; ConfigError for anything else."""
    folder = text.removeprefix(SCHEME)
    if folder == text or not folder:
        raise ConfigError("a place of no kind that is known", where=text, fix="Write oci:FOLDER")
    return Path(folder)


def export_bundle(bundle: Path, folder: Path) -> ExportReport:
    """Write the bundle as a layout into `folder`, which must not be there, or be empty.

    Signatures are not looked at, they travel. Raises BundleError for what is no bundle, ConfigError for a folder in
    use. Equal bundles give equal folders.
    """
    _check_free(folder)
    data = read_file(bundle)
    checked = check_bundle(data, UNVERIFIED, where=str(bundle))
    opened = open_bundle(io.BytesIO(data), where=str(bundle))
    files = {names.NAME: opened.manifest_bytes, **checked.members, SIGNATURE: opened.signature_bytes}
    artifact = modelpack.artifact_of(checked.manifest, files, bundle_digest=checked.digest)
    _write(folder, artifact)
    return ExportReport(
        path=str(folder),
        tag=modelpack.tag_of(checked.manifest),
        digest=artifact.index.manifests[0].digest,
        bundle=checked.digest,
        release=checked.manifest.release,
        profile=checked.manifest.profile,
        layers={name: modelpack.kind_of(name) for name in files},
        bytes=sum(map(len, artifact.blobs.values())),
    )


def import_bundle(folder: Path, out: Path) -> ImportReport:
    """Write the bundle that lies in the layout `folder` to `out`, byte for byte the one that was exported.

    Raises BundleError where the layout is damaged, holds no bundle of ours, or more than one artifact. Who signed the
    bundle is for `edgeferry bundle verify` to say.
    """
    check_out(out)
    image = _image(folder)
    data = _bundle(folder, image)
    manifest = check_bundle(data, UNVERIFIED, where=str(folder)).manifest
    digest = digest_of(data)
    if image.annotations.get(modelpack.DIGEST, digest) != digest:
        raise _damaged("its files make another bundle than the one it says", folder)
    write_out(out, data)
    return ImportReport(
        path=str(out), digest=digest, bytes=len(data), release=manifest.release, profile=manifest.profile
    )


def _check_free(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise ConfigError(
            "there is something already", where=str(folder), fix="Give a folder that is empty or not there."
        )
    if not folder.parent.is_dir() or not os.access(folder.parent, os.W_OK | os.X_OK):
        raise ConfigError("no such folder, or no permission", where=str(folder.parent), fix="Choose another place.")


def _write(folder: Path, artifact: Artifact) -> None:
    """Everything is on the disk under another name before the folder gets its own."""
    disk, waiting = Disk(), folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        (waiting / BLOBS).mkdir(parents=True)
        files = {waiting / BLOBS / hex_of(digest): data for digest, data in artifact.blobs.items()}
        files[waiting / INDEX] = to_pretty_json(artifact.index)
        files[waiting / LAYOUT] = to_pretty_json(_Layout(LAYOUT_VERSION))
        for path, data in files.items():
            disk.write(path, data)
            disk.sync(path)
        disk.rename(waiting, folder)
        disk.sync(folder.parent)
    except OSError as problem:
        raise disk_error("writing the layout", folder, problem) from problem
    finally:
        shutil.rmtree(waiting, ignore_errors=True)


def _image(folder: Path) -> ImageManifest:
    layout = _document(folder / LAYOUT, _Layout)
    if layout.image_layout_version != LAYOUT_VERSION:
        raise _damaged(f"layout version {plain(layout.image_layout_version)!r}, and {LAYOUT_VERSION} is read", folder)
    entries = _document(folder / INDEX, ImageIndex).manifests
    if len(entries) != 1:
        raise BundleError(
            f"{len(entries)} artifacts in it, and one is taken",
            where=str(folder),
            fix="Take one out: skopeo copy oci:FOLDER:TAG oci:OTHER",
        )
    data = _blob(folder, entries[0], SMALL_BYTES)
    return from_json(data, ImageManifest, where=f"{folder}: the artifact's manifest", error=BundleError)


def _bundle(folder: Path, image: ImageManifest) -> bytes:
    layers = {layer.annotations.get(modelpack.FILEPATH, ""): layer for layer in image.layers}
    missing = [name for name in (names.NAME, SIGNATURE) if name not in layers]
    if missing or len(layers) != len(image.layers) or len(layers) > MOST_MEMBERS + 2:
        raise _damaged("an artifact of another kind: its layers are not the files of one bundle", folder)
    if sum(layer.size for layer in image.layers) > LIMIT_BYTES:
        raise _damaged("larger than a bundle can be", folder)
    promise = _blob(folder, layers[names.NAME], SMALL_BYTES)
    listed = [member.name for member in _manifest(promise, folder).members]
    if {*listed, names.NAME, SIGNATURE} != set(layers):
        raise _damaged("its layers are not the files its manifest lists", folder)
    members = ((name, _blob(folder, layers[name], LIMIT_BYTES)) for name in listed)
    stream = io.BytesIO()
    wrap(stream, promise, members, _blob(folder, layers[SIGNATURE], SMALL_BYTES))
    return stream.getvalue()


def _manifest(promise: bytes, folder: Path) -> Manifest:
    return names.parse(promise, where=f"{folder}: {names.NAME}")


def _blob(folder: Path, descriptor: Descriptor, most_bytes: int) -> bytes:
    """What a descriptor speaks of; its name is a digest and nothing else, so it cannot lead out of the folder."""
    path = folder / BLOBS / hex_of(descriptor.digest)
    if descriptor.size > most_bytes:
        raise _damaged(f"{descriptor.size} bytes are too many for {plain(path.name)}", folder)
    data = _read(path, descriptor.size)
    if len(data) != descriptor.size or digest_of(data) != descriptor.digest:
        raise _damaged(f"blob {path.name} is not what its digest says", folder)
    return data


def _document(path: Path, kind: type[T]) -> T:
    return from_json(_read(path, SMALL_BYTES), kind, where=str(path), error=BundleError)


def _read(path: Path, most_bytes: int) -> bytes:
    """At most one byte more than `most_bytes`, of a regular file."""
    try:
        if not path.is_file():
            raise _damaged(f"no file {path.name!r}", path.parent)
        with path.open("rb") as stream:
            return stream.read(most_bytes + 1)
    except OSError as problem:
        raise BundleError(
            f"cannot be read: {problem.strerror}", where=str(path), fix="Check the path and its permissions."
        ) from problem


def _damaged(what: str, folder: Path) -> BundleError:
    return BundleError(what, where=str(folder), fix="Fetch it again, or export the bundle again.")
