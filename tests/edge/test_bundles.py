from __future__ import annotations

from pathlib import Path

import pytest

from contract.digest import digest_of
from contract.errors import BundleError, SignatureError
from devices.keys import development_signer, development_verifier, load_signer, load_verifiers, make_key
from edge.bundles import UNVERIFIED, check_bundle, read_bundle
from tests.edge.colours import MODELS, bundle_bytes, bundle_file


def test_a_bundle_gives_its_manifest_its_members_and_its_signer(tmp_path: Path) -> None:
    path = bundle_file(tmp_path)
    bundle = read_bundle(path, development_verifier())
    assert bundle.manifest.release == "colours@1"
    assert bundle.digest == digest_of(path.read_bytes())
    assert bundle.keyid == development_signer().keyid
    assert bundle.model == (MODELS / "colours_uint8.tflite").read_bytes()
    assert set(bundle.members) == {"colours_uint8.tflite", "golden.npz"}


def test_only_a_pinned_key_counts(tmp_path: Path) -> None:
    make_key(tmp_path / "publisher")
    make_key(tmp_path / "stranger")
    data = bundle_bytes(signer=load_signer(tmp_path / "publisher"))
    assert check_bundle(data, load_verifiers([tmp_path / "publisher.pub"]), where="b").keyid
    with pytest.raises(SignatureError, match="whom nobody here trusts"):
        check_bundle(data, load_verifiers([tmp_path / "stranger.pub"]), where="b")
    with pytest.raises(SignatureError):
        check_bundle(data, {}, where="b")


def test_unverified_checks_everything_but_the_signer() -> None:
    data = bytearray(bundle_bytes())
    assert check_bundle(bytes(data), UNVERIFIED, where="b").keyid is None
    data[len(data) // 2] ^= 1
    with pytest.raises(BundleError):
        check_bundle(bytes(data), UNVERIFIED, where="b")


def test_no_flipped_bit_goes_unnoticed() -> None:
    data = bundle_bytes()
    # A stride that meets every member, header and signature; all bits of all bytes are the contract's own test.
    for place in range(0, len(data), 97):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        with pytest.raises(BundleError):
            check_bundle(bytes(changed), development_verifier(), where="b")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"No such file.*absent\.bundle"):
        read_bundle(tmp_path / "absent.bundle", UNVERIFIED)
