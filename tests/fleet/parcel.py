"""Bundles with a real layout and signature around a model nobody here will run."""

from __future__ import annotations

import io
from pathlib import Path

from contract import dsse
from contract.bundle import open_bundle, seal
from contract.codec import to_pretty_json
from contract.delta import Header, Segment, write_delta
from contract.digest import digest_of
from contract.dsse import MANIFEST_TYPE
from contract.manifest import Classify, Evidence, Manifest, Member, Preprocessing, TensorSpec
from devices.keys import Signer, development_signer


def bundle_bytes(
    profile: str = "rpi4", *, version: int = 2, content: bytes = b"model", signer: Signer | None = None
) -> bytes:
    """A sealed bundle `digits@VERSION`."""
    manifest = Manifest(
        name="digits",
        version=version,
        task="classify",
        profile=profile,
        format="tflite",
        model="model.tflite",
        inputs=(TensorSpec(name="x", shape=(1, 8, 8, 1), dtype="uint8"),),
        preprocessing=Preprocessing(size_wh=(8, 8), colour="grey"),
        outputs=(TensorSpec(name="y", shape=(1, 10), dtype="float32"),),
        decoding=Classify(scores="y"),
        evidence=Evidence(pictures=297, source=0.9529, artifact=0.9495, agreement=0.9933),
        members=(Member(name="model.tflite", sha256=digest_of(content), size_bytes=len(content)),),
    )
    key = signer or development_signer()
    envelope = dsse.sign(MANIFEST_TYPE, to_pretty_json(manifest), key.keyid, key.sign, detached=True)
    stream = io.BytesIO()
    seal(stream, manifest, {"model.tflite": content}, envelope)
    return stream.getvalue()


def delta_bytes(base: str, bundle: bytes, *, stored: bytes = b"difference") -> bytes:
    """A delta from the bundle with digest `base` to `bundle`, as far as a server looks into it."""
    manifest = open_bundle(io.BytesIO(bundle), where="test").manifest
    segment = Segment(method="patch", size_bytes=len(bundle), stored_bytes=len(stored))
    header = Header(
        base=base,
        base_manifest=base,
        target=digest_of(bundle),
        size_bytes=len(bundle),
        name=manifest.name,
        version=manifest.version,
        profile=manifest.profile,
        sources=(),
        segments=(segment,),
    )
    stream = io.BytesIO()
    write_delta(stream, header, [stored])
    return stream.getvalue()


def write_bundle(folder: Path, profile: str = "rpi4", *, version: int = 2, content: bytes = b"model") -> Path:
    """The same as a file."""
    path = folder / f"digits-{version}-{profile}.bundle"
    path.write_bytes(bundle_bytes(profile, version=version, content=content))
    return path
