"""The bundle's bytes: equal content gives equal bytes, and no bit of them is free."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.bundle import Bundle, open_bundle, seal
from contract.codec import to_pretty_json
from contract.digest import digest_of
from contract.dsse import MANIFEST_TYPE, sign
from contract.errors import BundleError
from contract.manifest import Classify, Golden, Manifest, Member, Preprocessing, Quantization, TensorSpec

MEMBERS = {"model.tflite": b"weights" * 20, "golden.npz": b"frames"}


def manifest(members: dict[str, bytes] = MEMBERS) -> Manifest:
    return Manifest(
        name="digits",
        version=1,
        task="classify",
        profile="rpi4",
        format="tflite",
        model="model.tflite",
        inputs=(
            TensorSpec(
                name="in", shape=(1, 8, 8, 1), dtype="int8", quantization=Quantization(scale=1 / 255, zero_point=-128)
            ),
        ),
        preprocessing=Preprocessing(size_wh=(8, 8), colour="grey"),
        outputs=(TensorSpec(name="out", shape=(1, 3), dtype="int8"),),
        decoding=Classify(scores="out"),
        labels=("a", "b", "c"),
        golden=Golden(frames=1, tolerance=0.1),
        members=tuple(Member(name=n, sha256=digest_of(d), size_bytes=len(d)) for n, d in members.items()),
    )


def sealed(promise: Manifest | None = None, members: dict[str, bytes] = MEMBERS) -> bytes:
    promise = promise or manifest(members)
    envelope = sign(MANIFEST_TYPE, to_pretty_json(promise), "sha256:key", lambda _: b"0" * 64, detached=True)
    stream = io.BytesIO()
    seal(stream, promise, members, envelope)
    return stream.getvalue()


def opened(data: bytes) -> Bundle:
    bundle = open_bundle(io.BytesIO(data), where="test")
    bundle.verify_members()
    return bundle


def test_what_was_sealed_is_read_back_and_equal_content_is_equal_bytes() -> None:
    bundle = opened(sealed())
    assert bundle.manifest == manifest()
    assert bundle.read("golden.npz") == b"frames"
    assert sealed() == sealed()


def test_any_zip_program_reads_it() -> None:
    archive = zipfile.ZipFile(io.BytesIO(sealed()))
    assert archive.testzip() is None
    assert archive.namelist() == ["manifest.json", "model.tflite", "golden.npz", "signature.json"]


def test_one_flipped_bit_anywhere_is_refused_or_breaks_what_is_signed() -> None:
    good = sealed()
    before = opened(good)
    for position in range(len(good)):
        damaged = bytearray(good)
        damaged[position] ^= 1 << (position % 8)
        try:
            after = opened(bytes(damaged))
        except BundleError:
            continue
        assert (after.manifest_bytes, after.envelope) != (before.manifest_bytes, before.envelope), position


@pytest.mark.parametrize("cut", [0, 10, 21, 22, 500, -1])
def test_a_cut_bundle_is_refused(cut: int) -> None:
    with pytest.raises(BundleError):
        opened(sealed()[:cut])


def test_bytes_before_between_and_behind_are_refused() -> None:
    good = sealed()
    for padded in (b"x" + good, good + b"x", good[:100] + b"x" + good[100:]):
        with pytest.raises(BundleError):
            opened(padded)


def test_members_the_manifest_does_not_list_are_refused() -> None:
    promise = manifest()
    more = {**MEMBERS, "extra.sh": b"rm"}
    smuggled = io.BytesIO()
    with zipfile.ZipFile(smuggled, "w") as archive:
        archive.writestr("manifest.json", to_pretty_json(promise))
        for name, data in more.items():
            archive.writestr(name, data)
        archive.writestr("signature.json", b"{}")
    with pytest.raises(BundleError):
        opened(smuggled.getvalue())


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/b", "", "UPPER", "a\\b", "manifest.json\0"])
def test_a_member_name_that_could_leave_the_folder_is_refused(name: str) -> None:
    members = {"model.tflite": b"m", "golden.npz": b"g", name: b"x"}
    with pytest.raises(BundleError):
        opened(sealed(manifest(members), members))


def test_a_newer_major_schema_is_refused_by_name() -> None:
    future = to_pretty_json(manifest()).replace(b'"schema": 1', b'"schema": 2')
    from contract.manifest import parse

    with pytest.raises(BundleError, match="schema 2 is newer"):
        parse(future, where="test")


@settings(deadline=None)  # a busy machine is no finding
@given(st.binary(max_size=300))
def test_noise_is_refused_without_a_crash(noise: bytes) -> None:
    with pytest.raises(BundleError):
        opened(noise)


@settings(deadline=None)  # a busy machine is no finding
@given(st.integers(0, 2000), st.binary(min_size=1, max_size=40))
def test_overwritten_bytes_are_refused_or_change_what_is_signed(position: int, noise: bytes) -> None:
    good = sealed()
    damaged = good[:position] + noise + good[position + len(noise) :]
    if damaged == good:
        return
    try:
        after = opened(damaged)
    except BundleError:
        return
    before = opened(good)
    assert (after.manifest_bytes, after.envelope) != (before.manifest_bytes, before.envelope)
