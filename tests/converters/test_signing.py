"""A publisher's word on a finished bundle: devices take it as if it had been there from the beginning."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contract.bundle import open_bundle
from contract.dsse import MOST_SIGNATURES
from contract.errors import BundleError, ConfigError, SignatureError
from converters.signing import sign_bundle
from devices.keys import (
    Signer,
    development_signer,
    development_verifier,
    load_signer,
    load_verifiers,
    make_key,
    named_signer,
)
from edge.bundles import check_bundle, read_bundle
from tests.contract.small_bundle import MEMBERS, Promise, good_bundle, small_promise, wrapped
from tests.data.make_bundles import FOLDER
from tests.softhsm import SoftHsm


@pytest.fixture
def unsigned(tmp_path: Path) -> Path:
    """As a conversion without --key leaves it."""
    path = tmp_path / "small-1-rpi4.bundle"
    path.write_bytes(good_bundle())
    return path


def key(folder: Path, name: str) -> Signer:
    make_key(folder / name)
    return load_signer(folder / name)


def signers(path: Path) -> tuple[str, ...]:
    with path.open("rb") as stream:
        return tuple(one.keyid for one in open_bundle(stream, where="it").envelope.signatures)


def test_the_publishers_key_replaces_the_one_everybody_has(unsigned: Path, tmp_path: Path) -> None:
    signer, out = key(tmp_path, "publisher"), tmp_path / "signed.bundle"
    report = sign_bundle(unsigned, signer, out)
    checked = read_bundle(out, load_verifiers([tmp_path / "publisher.pub"]))
    assert (checked.keyid, checked.digest, checked.members) == (signer.keyid, report.digest, dict(MEMBERS))
    assert (report.kept, report.removed) == ((), (development_signer().keyid,))
    with pytest.raises(SignatureError, match="whom nobody here trusts"):
        read_bundle(out, development_verifier())


def test_a_second_publisher_is_added_and_either_is_enough(unsigned: Path, tmp_path: Path) -> None:
    first, second = key(tmp_path, "first"), key(tmp_path, "second")
    sign_bundle(unsigned, first, tmp_path / "once.bundle")
    report = sign_bundle(tmp_path / "once.bundle", second, tmp_path / "twice.bundle", trust=[tmp_path / "first.pub"])
    assert report.kept == (first.keyid,)
    for name in ("first", "second"):
        assert read_bundle(tmp_path / "twice.bundle", load_verifiers([tmp_path / f"{name}.pub"])).keyid
    sign_bundle(tmp_path / "twice.bundle", second, tmp_path / "alone.bundle", replace=True)
    assert signers(tmp_path / "alone.bundle") == (second.keyid,)


def test_signing_again_changes_nothing(unsigned: Path, tmp_path: Path) -> None:
    signer = key(tmp_path, "publisher")
    once = sign_bundle(unsigned, signer, tmp_path / "once.bundle")
    twice = sign_bundle(tmp_path / "once.bundle", signer, tmp_path / "twice.bundle")
    assert once.digest == twice.digest


def test_a_key_in_a_token_leaves_the_same_bytes_as_its_file(unsigned: Path, tmp_path: Path, softhsm: SoftHsm) -> None:
    sign_bundle(unsigned, named_signer(softhsm.uri()), tmp_path / "by-token.bundle")
    sign_bundle(unsigned, load_signer(softhsm.key_file), tmp_path / "by-file.bundle")
    assert (tmp_path / "by-token.bundle").read_bytes() == (tmp_path / "by-file.bundle").read_bytes()
    assert read_bundle(tmp_path / "by-token.bundle", load_verifiers([softhsm.key_file.with_suffix(".pub")])).keyid


def test_what_a_newer_version_said_is_signed_as_it_stands(tmp_path: Path) -> None:
    sign_bundle(FOLDER / "newer-minor.bundle", key(tmp_path, "publisher"), tmp_path / "signed.bundle")
    before = open_bundle(io.BytesIO((FOLDER / "newer-minor.bundle").read_bytes()), where="before")
    with (tmp_path / "signed.bundle").open("rb") as stream:
        after = open_bundle(stream, where="after")
    assert b'"mood"' in after.manifest_bytes
    assert after.manifest_bytes == before.manifest_bytes
    assert read_bundle(tmp_path / "signed.bundle", load_verifiers([tmp_path / "publisher.pub"])).keyid


def test_who_asks_for_trust_signs_no_strangers_bundle(unsigned: Path, tmp_path: Path) -> None:
    signer, out = key(tmp_path, "publisher"), tmp_path / "signed.bundle"
    with pytest.raises(SignatureError):
        sign_bundle(unsigned, signer, out, trust=[tmp_path / "publisher.pub"])
    assert not out.exists()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_damaged_bundle_is_not_signed(unsigned: Path, tmp_path: Path, share: float) -> None:
    data = bytearray(unsigned.read_bytes())
    data[int(share * len(data))] ^= 1
    unsigned.write_bytes(data)
    with pytest.raises(BundleError):
        sign_bundle(unsigned, key(tmp_path, "publisher"), tmp_path / "signed.bundle")
    assert not (tmp_path / "signed.bundle").exists()


def test_more_signatures_than_a_device_reads_are_not_made(tmp_path: Path, unsigned: Path) -> None:
    path = unsigned
    for number in range(MOST_SIGNATURES):
        out = tmp_path / f"{number}.bundle"
        sign_bundle(path, key(tmp_path, f"key-{number}"), out)
        path = out
    with pytest.raises(ConfigError, match="17 signatures"):
        sign_bundle(path, key(tmp_path, "one-more"), tmp_path / "out.bundle")


def test_it_is_not_written_over_itself(unsigned: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one of the files read"):
        sign_bundle(unsigned, key(tmp_path, "publisher"), unsigned)


def test_a_bundle_nobody_signed_can_be_signed(tmp_path: Path) -> None:
    manifest = small_promise().manifest
    envelope = (
        b'{\n  "payloadType": "application/vnd.edgeferry.manifest.v1+json",\n  "payload": "",\n  "signatures": []\n}\n'
    )
    (tmp_path / "bare.bundle").write_bytes(wrapped(Promise(manifest, MEMBERS), envelope))
    signer = key(tmp_path, "publisher")
    sign_bundle(tmp_path / "bare.bundle", signer, tmp_path / "signed.bundle")
    data = (tmp_path / "signed.bundle").read_bytes()
    assert check_bundle(data, load_verifiers([tmp_path / "publisher.pub"]), where="it").keyid == signer.keyid


def test_a_token_signs_in_a_process_that_holds_tensorflow(softhsm: SoftHsm) -> None:
    """Whose BoringSSL answers to OpenSSL's names."""
    code = "import sys, tensorflow, devices.keys as keys; print(keys.named_signer(sys.argv[1]).sign(b'x').hex())"
    command = [sys.executable, "-W", "ignore", "-c", code, softhsm.uri()]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == load_signer(softhsm.key_file).sign(b"x").hex()
