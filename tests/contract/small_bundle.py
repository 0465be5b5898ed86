"""A good bundle of two kilobytes, in the parts an attacker would exchange: files, manifest, signature, container.

Its model is no network, so that neither an inference library nor a converter is needed; everything up to the slot
takes it as it is. All is signed with the development key.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from contract.bundle import SIGNATURE, seal
from contract.codec import to_pretty_json
from contract.digest import digest_of
from contract.dsse import MANIFEST_TYPE, Envelope, sign
from contract.manifest import NAME, Classify, Manifest, Member, Preprocessing, Quantization, TensorSpec
from devices.keys import development_signer
from tests.contract.any_zip import Row, zipped

MODEL = "model.tflite"
MEMBERS = {MODEL: b"weights" * 20, "labels.txt": b"cat\ndog\nowl"}


class Promise(NamedTuple):
    """A manifest as bytes, right or wrong, and the files beside it."""

    manifest: bytes
    members: Mapping[str, bytes]


def small_manifest(members: Mapping[str, bytes] = MEMBERS, version: int = 1) -> Manifest:
    """What `members` are; the first of them is the model."""
    quantised = Quantization(scale=1 / 255, zero_point=-128)
    return Manifest(
        name="small",
        version=version,
        task="classify",
        profile="rpi4",
        format="tflite",
        model=next(iter(members)),
        inputs=(TensorSpec(name="in", shape=(1, 8, 8, 1), dtype="int8", quantization=quantised),),
        preprocessing=Preprocessing(size_wh=(8, 8), colour="grey"),
        outputs=(TensorSpec(name="out", shape=(1, 3), dtype="int8"),),
        decoding=Classify(scores="out"),
        labels=("cat", 'the "other" cat\t\\', "Käuzchen 🦉"),
        members=tuple(Member(name=n, sha256=digest_of(d), size_bytes=len(d)) for n, d in members.items()),
    )


def small_promise(version: int = 1) -> Promise:
    """Manifest and members that fit each other."""
    return Promise(to_pretty_json(small_manifest(version=version)), MEMBERS)


def signature_of(manifest: bytes) -> Envelope:
    """The development key's word for these bytes, whatever they are."""
    key = development_signer()
    return sign(MANIFEST_TYPE, manifest, key.keyid, key.sign, detached=True)


def good_bundle(version: int = 1) -> bytes:
    """`small@VERSION` as our own writer writes it."""
    manifest, stream = small_manifest(version=version), io.BytesIO()
    seal(stream, manifest, MEMBERS, signature_of(to_pretty_json(manifest)))
    return stream.getvalue()


def rows_of(promise: Promise, signature: bytes | None = None) -> list[Row]:
    """A right container's members, for a promise that need not be right; signed unless a `signature` is given."""
    signed = signature if signature is not None else to_pretty_json(signature_of(promise.manifest))
    files = {NAME: promise.manifest, **promise.members}
    rows = [Row(name.encode(), data, zlib.crc32(data)) for name, data in files.items() if name != SIGNATURE]
    return [*rows, Row(SIGNATURE.encode(), signed, zlib.crc32(signed))]


def wrapped(promise: Promise, signature: bytes | None = None) -> bytes:
    """The same as a bundle."""
    return zipped(rows_of(promise, signature))
