"""Keys as files: who may read them, what is refused, and that the id belongs to both halves."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from contract.dsse import sign, verify
from contract.errors import ConfigError, SignatureError
from devices.keys import (
    development_signer,
    development_verifier,
    key_id_of_file,
    load_signer,
    load_verifiers,
    make_key,
)


def test_a_new_key_signs_what_its_public_half_verifies(tmp_path: Path) -> None:
    keyid = make_key(tmp_path / "publisher")
    signer = load_signer(tmp_path / "publisher")
    envelope = sign("text/plain", b"hello", signer.keyid, signer.sign, detached=True)
    trusted = load_verifiers([tmp_path / "publisher.pub"])
    assert verify(envelope, "text/plain", b"hello", trusted, where="test") == keyid
    with pytest.raises(SignatureError, match="does not match"):
        verify(envelope, "text/plain", b"hallo", trusted, where="test")


def test_a_private_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    make_key(tmp_path / "publisher")
    assert stat.S_IMODE((tmp_path / "publisher").stat().st_mode) == 0o600


def test_both_halves_have_the_same_id(tmp_path: Path) -> None:
    keyid = make_key(tmp_path / "publisher")
    assert key_id_of_file(tmp_path / "publisher") == key_id_of_file(tmp_path / "publisher.pub") == keyid


@pytest.mark.parametrize("taken", ["publisher", "publisher.pub"])
def test_an_existing_file_is_never_overwritten(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("precious")
    with pytest.raises(ConfigError, match="a file already"):
        make_key(tmp_path / "publisher")
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "precious"


def test_a_folder_that_is_a_file_leaves_no_half_of_a_key(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        make_key(tmp_path / "file" / "publisher")


@pytest.mark.parametrize(
    "content", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    for load in (load_signer, lambda path: load_verifiers([path]), key_id_of_file):
        with pytest.raises(ConfigError, match="not an Ed25519"):
            load(path)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ec"
    key = generate_private_key(SECP256R1())
    none = serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none))
    with pytest.raises(ConfigError, match="not an Ed25519 private key"):
        load_signer(path)


def test_the_private_half_given_as_trust_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path / "publisher")
    with pytest.raises(ConfigError, match="not an Ed25519 public key"):
        load_verifiers([tmp_path / "publisher"])


def test_a_missing_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_signer(tmp_path / "absent")
    assert refused.value.fix == "Make one: edgeferry keys new FILE"


def test_the_development_key_is_the_same_on_every_machine() -> None:
    assert list(development_verifier()) == [development_signer().keyid]
    assert development_signer().keyid.startswith("sha256:")
